package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class BatchShapeTest {

  private static Prompt prompt(int length) {
    return Prompt.of(new int[length]);
  }

  private static Response response(int length) {
    return Response.of(new int[length]);
  }

  @Test
  void of_lengths_areRoundedUpToAMultipleOfEight() {
    BatchShape shape =
        BatchShape.of(List.of(prompt(5), prompt(20)), List.of(response(9), response(2)), 100);
    assertThat(shape).isEqualTo(new BatchShape(2, 24, 16));
  }

  @Test
  void of_lengthsOnAMultipleOfEight_stay() {
    assertThat(BatchShape.of(List.of(prompt(8)), List.of(response(8)), 100))
        .isEqualTo(new BatchShape(1, 16, 8));
  }

  @Test
  void of_lengthsNearTheLimit_areRoundedToTheLimitAtMost() {
    assertThat(BatchShape.of(List.of(prompt(1)), List.of(response(8)), 10))
        .isEqualTo(new BatchShape(1, 10, 8));
    // One column is left for the prompt.
    assertThat(BatchShape.of(List.of(prompt(1)), List.of(response(7)), 8))
        .isEqualTo(new BatchShape(1, 8, 7));
  }

  @Test
  void of_sequenceBeyondTheLimit_isRefusedByIndex() {
    assertThatThrownBy(
            () ->
                BatchShape.of(List.of(prompt(1), prompt(6)), List.of(response(1), response(5)), 10))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "tokens: prompt and response of sequence 1 have 11, the policy reads at most 10");
  }

  @Test
  void of_countsThatDiffer_areRefused() {
    assertThatThrownBy(() -> BatchShape.of(List.of(prompt(1)), List.of(), 10))
        .hasMessage("prompts: expected 0, one for each response, got 1");
    assertThatThrownBy(() -> BatchShape.of(List.of(), List.of(), 10))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void constructor_sizesThatHoldNothing_areRefusedByName() {
    assertThatThrownBy(() -> new BatchShape(0, 2, 1))
        .hasMessage("sequences: expected at least 1, got 0");
    assertThatThrownBy(() -> new BatchShape(1, 2, 0))
        .hasMessage("responseTokens: expected at least 1, got 0");
    assertThatThrownBy(() -> new BatchShape(1, 2, 2))
        .hasMessage("tokens: expected more than responseTokens 2, got 2");
  }

  @Property
  void of_anySequences_holdsEachOfThem(@ForAll Random random) {
    List<Prompt> prompts = new ArrayList<>();
    List<Response> responses = new ArrayList<>();
    int longest = 0;
    int longestResponse = 0;
    for (int i = 0; i <= random.nextInt(5); i++) {
      prompts.add(prompt(1 + random.nextInt(30)));
      responses.add(response(1 + random.nextInt(30)));
      longest = Math.max(longest, prompts.get(i).tokens().length() + responses.get(i).length());
      longestResponse = Math.max(longestResponse, responses.get(i).length());
    }
    int limit = longest + random.nextInt(20);
    BatchShape shape = BatchShape.of(prompts, responses, limit);
    assertThat(shape.sequences()).isEqualTo(prompts.size());
    assertThat(shape.tokens()).isBetween(longest, Math.min(limit, longest + 7));
    assertThat(shape.responseTokens()).isBetween(longestResponse, longestResponse + 7);
    assertThat(shape.tokens() % 8 == 0 || shape.tokens() == limit).isTrue();
  }
}
