package io.github.p3o.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.p3o.LossEvaluator;
import io.github.p3o.loss.P3OLoss;
import org.junit.jupiter.api.Test;

class SoftmaxRegressionExampleTest {

  @Test
  void step_policyOfAnotherEngine_earnsMore() {
    SoftmaxRegressionExample policy = new SoftmaxRegressionExample(1);
    try (LossEvaluator p3o = new LossEvaluator(P3OLoss.v2())) {
      double first = policy.step(p3o);
      double last = 0;
      for (int step = 0; step < 30; step++) {
        last = policy.step(p3o);
      }
      assertTrue(last > first + 0.2, "from " + first + " to " + last);
    }
  }
}
