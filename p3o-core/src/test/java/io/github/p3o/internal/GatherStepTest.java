package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@Tag("cpu")
class GatherStepTest {

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 5, 3", "20, 33, 500", "7, 40000, 9", "9, 1, 70000"})
  void execute_copiesEveryRow(int rows, int width, int count) {
    int[] ids = new Random(1).ints(count, 0, rows).toArray();
    INDArray table = OpCheck.random(2, rows, width).castTo(DataType.FLOAT);
    INDArray output = Nd4j.ones(DataType.FLOAT, count, width);
    new GatherStep(table, Nd4j.createFromArray(ids), output).execute();

    float[] from = table.data().asFloat();
    float[] expected = new float[count * width];
    for (int i = 0; i < count; i++) {
      System.arraycopy(from, ids[i] * width, expected, i * width, width);
    }
    assertThat(output.data().asFloat()).isEqualTo(expected);
  }

  @Test
  void execute_withOtherInputs_readsThem() {
    INDArray output = Nd4j.zeros(DataType.FLOAT, 2, 2);
    INDArray first = Nd4j.ones(DataType.FLOAT, 3, 2);
    GatherStep step = new GatherStep(first, Nd4j.createFromArray(0, 1), output);
    step.setInput(0, Nd4j.createFromArray(new float[][] {{1, 2}, {3, 4}, {5, 6}}));
    step.setInput(1, Nd4j.createFromArray(2, 0));
    step.execute();

    assertThat(output.data().asFloat()).containsExactly(5, 6, 1, 2);
  }

  @Test
  void execute_withAnUnknownId_namesIt() {
    INDArray output = Nd4j.zeros(DataType.FLOAT, 2, 2);
    GatherStep step =
        new GatherStep(Nd4j.ones(DataType.FLOAT, 3, 2), Nd4j.createFromArray(0, -1), output);

    assertThatThrownBy(step::execute)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ids: expected 0 to 2, got -1");
  }

  @Test
  void run_ofAGraphThatGathers_givesItsRowsAgainAndAgain() {
    SameDiff graph = SameDiff.create();
    Ops.rows(
            graph.placeHolder("table", DataType.FLOAT, 4, 3),
            graph.placeHolder("ids", DataType.INT32, 5))
        .rename("rows");
    try (Program program =
        Program.forward(graph, ImmutableList.of("table"), ImmutableList.of("rows"))) {
      for (int round = 0; round < 3; round++) {
        Map<String, INDArray> inputs = new HashMap<>();
        inputs.put("table", OpCheck.random(round, 4, 3).castTo(DataType.FLOAT));
        inputs.put("ids", Nd4j.createFromArray(3, 0, 3, 1, round));
        INDArray rows = Result.array(program.run(inputs), "rows");

        assertThat(rows.shape()).containsExactly(5, 3);
        for (int i = 0; i < 5; i++) {
          int id = Result.array(inputs, "ids").getInt(i);
          assertThat(rows.getRow(i).toFloatVector())
              .isEqualTo(Result.array(inputs, "table").getRow(id).toFloatVector());
        }
      }
    }
  }
}
