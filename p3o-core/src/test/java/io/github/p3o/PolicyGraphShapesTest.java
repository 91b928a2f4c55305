package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.UncopiedPolicy;
import java.util.Collections;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Graphs of a host's own policy that are not as {@link PolicyGraph} says. */
class PolicyGraphShapesTest {

  private static void assertRefused(UnaryOperator<PolicyGraph> graphs, String message) {
    ImmutableList<Prompt> prompts = ImmutableList.of(Prompt.of(0), Prompt.of(1), Prompt.of(0));
    try (TabularPolicy table = TabularPolicy.uniform(2, 3);
        PolicyScorer scorer = new PolicyScorer(new UncopiedPolicy(table, graphs), 3)) {
      assertThatThrownBy(
              () -> scorer.tokenLogProbs(prompts, Collections.nCopies(3, Response.of(1))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(message);
    }
  }

  @Test
  void tokenLogProbs_ofWholeResponses_areRefusedWithBothShapes() {
    assertRefused(
        graph -> new PolicyGraph(graph.logProbs(), graph.logProbs(), graph.tokenMask()),
        "tokenLogProbs: expected shape [3, tokens], a row for each sequence, got [3]");
  }

  @Test
  void logProbs_ofAllSequencesTogether_areRefusedWithBothShapes() {
    assertRefused(
        graph ->
            new PolicyGraph(Ops.sum(graph.logProbs()), graph.tokenLogProbs(), graph.tokenMask()),
        "logProbs: expected shape [3], a number for each sequence, got []");
  }
}
