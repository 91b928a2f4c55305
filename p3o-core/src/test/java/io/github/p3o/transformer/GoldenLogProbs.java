package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.io.Resources;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Log-probabilities of tokens as an {@code expected.json} beside a checkpoint has them. */
final class GoldenLogProbs {

  private GoldenLogProbs() {}

  /** A checkpoint that another library wrote, with what it is expected to give. */
  static Path checkpoint(String name) {
    try {
      return Path.of(Resources.getResource(GoldenLogProbs.class, "golden/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /** Compares each token of each sequence, given those before it. */
  static void check(TransformerPolicy policy, Path file, String key, double tolerance)
      throws IOException {
    JsonNode expected = new ObjectMapper().readTree(file.toFile());
    assertThat(expected.path(key)).isNotEmpty();
    for (int row = 0; row < expected.path("token_ids").size(); row++) {
      int[] ids = ints(expected.path("token_ids").path(row));
      JsonNode ofTokens = expected.path(key).path(row);
      // Every way to split the sequence: the difference of two sums is one token's value.
      List<Integer> cuts = IntStream.range(1, ids.length).boxed().toList();
      List<Prompt> prompts = cuts.stream().map(cut -> Prompt.of(Arrays.copyOf(ids, cut))).toList();
      List<Response> responses =
          cuts.stream().map(cut -> Response.of(Arrays.copyOfRange(ids, cut, ids.length))).toList();
      try (PolicyScorer scorer = new PolicyScorer(policy, 64)) {
        double[] sums = scorer.logProbs(prompts, responses);
        for (int i = 0; i < sums.length; i++) {
          double next = i + 1 < sums.length ? sums[i + 1] : 0;
          assertThat(sums[i] - next).isCloseTo(ofTokens.path(i).asDouble(), within(tolerance));
        }
      }
    }
  }

  private static int[] ints(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.path(i).asInt()).toArray();
  }
}
