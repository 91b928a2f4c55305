package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.testing.ImportanceSampledLoss;
import org.junit.jupiter.api.Test;

class LossEvaluatorTest {

  @Test
  void evaluate_afterClose_isRefused() {
    LogProbs logProbs = LogProbs.of(new double[][] {{-1}, {-2}});
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(logProbs, logProbs, Rewards.of(new double[][] {{1}, {0}}));
    LossEvaluator evaluator = new LossEvaluator(new ImportanceSampledLoss());
    evaluator.close();
    assertThatThrownBy(() -> evaluator.evaluate(batch, logProbs))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("evaluator: expected an open one, got one that was closed");
  }
}
