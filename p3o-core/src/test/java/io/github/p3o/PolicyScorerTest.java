package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.Uninterruptibles;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class PolicyScorerTest {

  private static final List<Prompt> PROMPTS = List.of(Prompt.of(0), Prompt.of(1));
  private static final List<Response> RESPONSES = List.of(Response.of(1), Response.of(0));

  private static SameDiffPolicy policy(SameDiffPolicy.Feed feed) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, -1, 1);
    graph.mmul("logits", x, graph.var("w", Nd4j.zeros(DataType.DOUBLE, 1, 2)));
    return SameDiffPolicy.ofLogits(graph, "logits", 2, feed);
  }

  /** Two threads in one graph would read each other's numbers. */
  @Test
  void logProbsAndClose_whileAnotherThreadScores_areRefused() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    SameDiffPolicy.Feed waiting =
        (shape, prompts, responses) -> {
          within.countDown();
          Uninterruptibles.awaitUninterruptibly(go);
          return Map.of("x", Nd4j.ones(DataType.DOUBLE, prompts.size(), 1));
        };
    try (SameDiffPolicy policy = policy(waiting);
        PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      FutureTask<double[]> scores = new FutureTask<>(() -> scorer.logProbs(PROMPTS, RESPONSES));
      new Thread(scores, "scores").start();
      within.await();
      try {
        assertThatThrownBy(() -> scorer.logProbs(PROMPTS, RESPONSES))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage(
                "scores: expected to be asked between two calls, got within scores of thread"
                    + " scores");
        assertThatThrownBy(scorer::close) // whose memory the other thread reads
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("close: expected to be asked between two calls");
      } finally {
        go.countDown();
      }
      assertThat(scores.get()).containsExactly(Math.log(0.5), Math.log(0.5));
      assertThat(scorer.logProbs(PROMPTS, RESPONSES)).containsExactly(scores.get());
    }
  }
}
