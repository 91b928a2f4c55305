package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.LossEvaluator;
import org.junit.jupiter.api.Test;

class LossEvaluatorTest {

  @Test
  void evaluate_afterClosingTwice_isRefusedByName() {
    Cases.Case data = Cases.random(1, 2, 5, 1);
    LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2());
    assertThat(evaluator.evaluate(data.batch(), data.now()).loss())
        .isEqualTo(P3OLoss.v2().evaluate(data.batch(), data.now()).loss());
    evaluator.close();
    evaluator.close();

    assertThatThrownBy(() -> evaluator.evaluate(data.batch(), data.now()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("evaluator: expected an open one, got one that was closed");
  }
}
