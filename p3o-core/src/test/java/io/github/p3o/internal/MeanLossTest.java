package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class MeanLossTest {

  /** Losses x², and as a diagnostic x, of a part of {@code size} elements. */
  private static Program program(int size, DataType type) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", type, size);
    ImmutableList<String> means =
        MeanLoss.addTo(
            new LossTerms(Ops.multiply(x, x), ImmutableMap.of("some/metric", Ops.stopGradient(x))));
    return Program.withGradient(graph, MeanLoss.LOSS, ImmutableList.of("x"), means);
  }

  private static INDArray run(MeanLoss mean, INDArray x) {
    try (Program program = program((int) x.length(), x.dataType())) {
      Map<String, INDArray> inputs = new HashMap<>(mean.feed());
      inputs.put("x", x);
      Map<String, INDArray> values = program.run(inputs);
      mean.add(values);
      return Result.array(values, Program.gradientOf("x")).dup();
    }
  }

  @Test
  void add_partsOfABatch_givesMeansOverTheBatch() {
    MeanLoss mean = new MeanLoss(4);
    INDArray gradient = run(mean, Nd4j.createFromArray(1.0, 2, 3));
    run(mean, Nd4j.createFromArray(new double[] {-4}));
    assertThat(mean.loss()).isEqualTo((1 + 4 + 9 + 16) / 4.0);
    assertThat(mean.diagnostics()).containsExactly(Map.entry("some/metric", 0.5));
    assertThat(gradient.toDoubleVector()).containsExactly(0.5, 1, 1.5);
    mean.checkFinite();
  }

  @Test
  void addTo_float32Terms_sumsInFloat64() {
    MeanLoss mean = new MeanLoss(3);
    run(mean, Nd4j.createFromArray(4096f, 1, 1)); // 2²⁴ + 1 + 1 is beyond float32
    assertThat(mean.loss()).isCloseTo(((1 << 24) + 2) / 3.0, within(1e-9));
  }

  @Test
  void checkFinite_ofNoNumber_isRefused() {
    MeanLoss mean = new MeanLoss(2);
    assertThatThrownBy(mean::checkFinite)
        .isInstanceOf(NonFiniteException.class)
        .hasMessage("loss: expected a finite value, got NaN; the parameters are unchanged");
    run(mean, Nd4j.createFromArray(1.0, Double.POSITIVE_INFINITY));
    assertThatThrownBy(mean::checkFinite)
        .hasMessage("loss: expected a finite value, got Infinity; the parameters are unchanged");
  }
}
