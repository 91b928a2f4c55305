package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class TextCodecTest {

  private static final int BEGIN = 256;
  private static final int END = 257;

  private static final TextCodec CODEC = new TextCodec(Tokenizers.bytes());

  /** One of bytes that has neither token. */
  private static final TextCodec PLAIN =
      new TextCodec(
          new Tokenizer() {
            @Override
            public int[] encode(String text) {
              return Tokenizers.bytes().encode(text);
            }

            @Override
            public String decode(int... tokens) {
              return Tokenizers.bytes().decode(tokens);
            }

            @Override
            public int vocabularySize() {
              return 256;
            }

            @Override
            public OptionalInt beginToken() {
              return OptionalInt.empty();
            }

            @Override
            public OptionalInt endToken() {
              return OptionalInt.empty();
            }
          });

  @Test
  void prompt_ofAText_beginsWithTheBeginToken() {
    assertThat(CODEC.prompt("ab")).isEqualTo(Prompt.of(BEGIN, 'a', 'b'));
    assertThat(CODEC.prompt("")).isEqualTo(Prompt.of(BEGIN));
    assertThat(PLAIN.prompt("ab")).isEqualTo(Prompt.of('a', 'b'));
    assertThat(CODEC.prompts(List.of("a", "b")))
        .containsExactly(Prompt.of(BEGIN, 'a'), Prompt.of(BEGIN, 'b'));
  }

  @Test
  void prompt_ofAtMostSoManyTokens_isTheEndOfTheText() {
    assertThat(CODEC.prompt("abc", 3)).isEqualTo(Prompt.of(BEGIN, 'b', 'c'));
    assertThat(CODEC.prompt("abc", 1)).isEqualTo(Prompt.of(BEGIN));
    assertThat(CODEC.prompt("abc", 4)).isEqualTo(CODEC.prompt("abc"));
    assertThat(PLAIN.prompt("abc", 1)).isEqualTo(Prompt.of('c'));
    assertThatThrownBy(() -> CODEC.prompt("abc", 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxTokens: expected at least 1, got 0");
  }

  @Test
  void response_ofAText_endsWithTheEndToken() {
    assertThat(CODEC.response("a", "bc"))
        .isEqualTo(new Response(ImmutableIntArray.of('b', 'c', END), true));
    assertThat(PLAIN.response("a", "bc"))
        .isEqualTo(new Response(ImmutableIntArray.of('b', 'c'), false));
  }

  @Test
  void begunAndEnded_ofTokens_haveTheSpecialOnesThatThereAre() {
    assertThat(CODEC.begun('a')).containsExactly(BEGIN, 'a');
    assertThat(CODEC.ended('a')).containsExactly('a', END);
    assertThat(CODEC.ended()).containsExactly(END);
    assertThat(PLAIN.begun('a')).containsExactly('a');
    assertThat(PLAIN.ended()).isEmpty();
  }

  @Test
  void text_ofWhatWasMadeOfTexts_isTheirs() {
    Prompt prompt = CODEC.prompt("the ");
    assertThat(CODEC.text(prompt)).isEqualTo("the ");
    assertThat(CODEC.text(prompt, CODEC.response("the ", "cat"))).isEqualTo("cat");
  }

  /** The first byte of ß in the prompt, which decodes as U+FFFD by itself. */
  @Test
  void text_ofAResponseThatCompletesACharacter_isThatOfItsTokens() {
    byte[] letter = "ß".getBytes(StandardCharsets.UTF_8);
    Prompt prompt = Prompt.of(letter[0] & 0xff);
    Response response = new Response(ImmutableIntArray.of(letter[1] & 0xff, 'x'), false);

    assertThat(CODEC.text(prompt, response)).isEqualTo("\uFFFDx");
  }

  @Test
  void rewardModel_ofAFunctionOfTexts_isGivenThem() {
    double[] rewards =
        CODEC
            .rewardModel((prompt, text) -> 10 * prompt.length() + text.length())
            .score(
                ImmutableList.of(CODEC.prompt("a"), CODEC.prompt("ab")),
                ImmutableList.of(CODEC.response("a", "bcd"), CODEC.response("ab", "")));

    assertThat(rewards).containsExactly(13, 20);
  }
}
