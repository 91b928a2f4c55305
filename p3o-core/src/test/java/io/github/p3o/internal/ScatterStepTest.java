package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@Tag("cpu")
class ScatterStepTest {

  @Test
  void execute_withRepeatedIds_sumsEveryUpdateAgainAndAgain() {
    int[] ids = new Random(1).ints(500, 0, 20).filter(id -> id != 7).toArray();
    INDArray updates = OpCheck.random(2, ids.length, 33).castTo(DataType.FLOAT);
    INDArray output = Nd4j.ones(DataType.FLOAT, 20, 33);
    ScatterStep step = new ScatterStep(updates, Nd4j.createFromArray(ids), output);
    step.execute();
    step.execute();

    double[][] expected = new double[20][33];
    for (int i = 0; i < ids.length; i++) {
      for (int j = 0; j < 33; j++) {
        expected[ids[i]][j] += updates.getDouble(i, j);
      }
    }
    for (int row = 0; row < 20; row++) {
      assertThat(output.getRow(row).toDoubleVector()).containsExactly(expected[row], within(1e-5));
    }
    assertThat(output.getRow(7).toDoubleVector()).containsOnly(0);
  }

  @Test
  void execute_withOtherInputs_readsThem() {
    INDArray output = Nd4j.zeros(DataType.FLOAT, 3, 2);
    INDArray first = Nd4j.ones(DataType.FLOAT, 2, 2);
    ScatterStep step = new ScatterStep(first, Nd4j.createFromArray(0, 1), output);
    step.setInput(0, Nd4j.createFromArray(new float[][] {{1, 2}, {3, 4}}));
    step.setInput(1, Nd4j.createFromArray(2, 2));
    step.execute();

    assertThat(output.dup('c').data().asFloat()).containsExactly(0, 0, 0, 0, 4, 6);
  }

  @Test
  void execute_withAnUnknownId_namesIt() {
    INDArray updates = Nd4j.ones(DataType.FLOAT, 2, 2);
    INDArray output = Nd4j.zeros(DataType.FLOAT, 3, 2);
    ScatterStep step = new ScatterStep(updates, Nd4j.createFromArray(0, 3), output);

    assertThatThrownBy(step::execute)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ids: expected 0 to 2, got 3");
  }

  @Test
  void run_ofAFloatGraphThatGathers_givesTheGradientInFloat64() {
    INDArray table = OpCheck.random(3, 11, 5);
    INDArray ids = Nd4j.createFromArray(4, 0, 4, 10, 4, 4);
    Map<DataType, double[]> gradients = new HashMap<>();
    for (DataType type : ImmutableList.of(DataType.FLOAT, DataType.DOUBLE)) {
      SameDiff graph = SameDiff.create();
      SDVariable rows =
          Ops.rows(
              graph.placeHolder("table", type, 11, 5), graph.placeHolder("ids", DataType.INT32, 6));
      Ops.sum(Ops.multiply(Ops.exp(rows), rows)).rename("loss");
      try (Program program =
          Program.withGradient(graph, "loss", ImmutableList.of("table"), ImmutableList.of())) {
        Map<String, INDArray> inputs = Map.of("table", table.castTo(type), "ids", ids);
        program.run(inputs);
        INDArray gradient = Result.array(program.run(inputs), Program.gradientOf("table"));
        gradients.put(type, gradient.dup('c').data().asDouble());
      }
    }

    assertThat(gradients.get(DataType.FLOAT))
        .containsExactly(gradients.get(DataType.DOUBLE), within(1e-4));
  }
}
