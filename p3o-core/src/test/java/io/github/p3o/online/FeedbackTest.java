package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import org.junit.jupiter.api.Test;

/** {@link Feedback} is checked part by part. */
class FeedbackTest {

  @Test
  void feedback_partsThatDoNotFit_areRefusedByName() {
    ImmutableList<Response> two = ImmutableList.of(Response.of(0), Response.of(1));
    ImmutableDoubleArray zeros = ImmutableDoubleArray.of(0, 0);
    assertThat(Feedback.preference("a", Prompt.of(0), two, zeros, 1).rewards())
        .isEqualTo(ImmutableDoubleArray.of(0, 1));
    assertThatThrownBy(() -> Feedback.preference("a", Prompt.of(0), two, zeros, 2))
        .hasMessage("preferred: expected 0 or 1, got 2");
    assertThatThrownBy(
            () ->
                new Feedback("a", Prompt.of(0), two, ImmutableDoubleArray.of(0, Double.NaN), zeros))
        .hasMessage("logProbs[1]: expected a finite number, got NaN");
    assertThatThrownBy(
            () -> new Feedback("a", Prompt.of(0), two, zeros, ImmutableDoubleArray.of(1)))
        .hasMessageStartingWith("rewards: expected 2, as many as responses, got ");
    assertThatThrownBy(() -> new Feedback("", Prompt.of(0), two, zeros, zeros))
        .hasMessage("id: expected 1 to 200 characters, got 0");
  }
}
