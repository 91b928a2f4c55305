package io.github.p3o.online;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.io.IOException;
import java.util.List;

/** Feedback as JSON in UTF-8; doubles are read back to the bit. */
final class FeedbackText {

  private static final ObjectMapper JSON = new ObjectMapper();

  private record Answer(List<Integer> tokens, boolean ended) {

    Response response() {
      return new Response(ImmutableIntArray.copyOf(tokens), ended);
    }
  }

  private record Written(
      String id,
      List<Integer> prompt,
      List<Answer> responses,
      List<Double> logProbs,
      List<Double> rewards) {}

  private FeedbackText() {}

  static byte[] of(Feedback feedback) {
    Written written =
        new Written(
            feedback.id(),
            feedback.prompt().tokens().asList(),
            feedback.responses().stream()
                .map(response -> new Answer(response.tokens().asList(), response.ended()))
                .toList(),
            feedback.logProbs().asList(),
            feedback.rewards().asList());
    try {
      return JSON.writeValueAsBytes(written);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // numbers and words alone
    }
  }

  /** Reads it back. */
  static Feedback read(String text) throws IOException {
    Written written = JSON.readValue(text, Written.class);
    return new Feedback(
        written.id(),
        new Prompt(ImmutableIntArray.copyOf(written.prompt())),
        written.responses().stream().map(Answer::response).collect(ImmutableList.toImmutableList()),
        ImmutableDoubleArray.copyOf(written.logProbs()),
        ImmutableDoubleArray.copyOf(written.rewards()));
  }
}
