package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.testing.ImportanceSampledLoss;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** A host's variable is never taken for one of the objective's. */
class PolicyLossGraphTest {

  @ParameterizedTest
  @ValueSource(strings = {"p3o/old0", "p3o/reference1", "p3o/rewardDifference"})
  void build_inAGraphThatHasOneOfTheNames_isRefusedByName(String name) {
    SameDiff graph = SameDiff.create();
    graph.var(name, Nd4j.createFromArray(0.0, 0));
    SDVariable logProbs = graph.placeHolder("logProbs", DataType.DOUBLE, 4);
    assertThatThrownBy(() -> PolicyLossGraph.build(new ImportanceSampledLoss(), logProbs, 2, 2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(name);
  }

  @Test
  void klScale_inAGraphThatHasTheName_isRefusedByName() {
    SameDiff graph = SameDiff.create();
    graph.var("p3o/klScale", Nd4j.scalar(1.0));
    SDVariable kl = graph.placeHolder("kl", DataType.DOUBLE, 4);
    assertThatThrownBy(() -> KlScale.apply(kl))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("graph: expected no variable p3o/klScale, got one");
  }
}
