package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What a program takes, and what it refuses by name. */
class ProgramInputsTest {

  private static final INDArray X = Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 6}});
  private static final INDArray Y = Nd4j.createFromArray(10.0, 20, 30);

  /** {@code sum = Σ x y}, {@code product = x y}. */
  private static Program program() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 2, 3);
    SDVariable y = graph.placeHolder("y", DataType.DOUBLE, 3);
    SDVariable product = Ops.multiply(x, y);
    product.rename("product");
    Ops.sum(product).rename("sum");
    return Program.withGradient(
        graph, "sum", ImmutableList.of("x", "y"), ImmutableList.of("product"));
  }

  @Test
  void run_withoutAnInput_isRefusedByNameAtEveryRun() {
    try (Program program = program()) {
      assertThatThrownBy(() -> program.run(Map.of("x", X)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("inputs: expected an array for y, got none");
    }
    try (Program program = program()) {
      program.run(Map.of("x", X, "y", Y));
      assertThatThrownBy(() -> program.run(Map.of("x", X)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("inputs[y]: expected DOUBLE [3] as in the first run, got none");
    }
  }

  @Test
  void run_withAnotherShapeOrType_isRefusedByName() {
    try (Program program = program()) {
      program.run(Map.of("x", X, "y", Y));
      assertThatThrownBy(() -> program.run(Map.of("x", X.reshape(3, 2), "y", Y)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("inputs[x]: expected DOUBLE [2, 3] as in the first run, got DOUBLE [3, 2]");
      assertThatThrownBy(() -> program.run(Map.of("x", X, "y", Y.castTo(DataType.FLOAT))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("inputs[y]: expected DOUBLE [3] as in the first run, got FLOAT [3]");
    }
  }

  @Test
  void run_afterARefusedInput_isRight() {
    try (Program program = program()) {
      program.run(Map.of("x", X, "y", Y));
      assertThatThrownBy(() -> program.run(Map.of("x", X.mul(2), "y", X)));

      assertThat(Result.scalar(program.run(Map.of("x", X, "y", Y)), "sum")).isEqualTo(460);
    }
  }

  @Test
  void run_withColumnMajorOrStridedInputs_readsThemRight() {
    INDArray columnMajor = X.dup('f');
    INDArray transposed = X.transpose().dup('c').transpose();
    try (Program program = program()) {
      for (INDArray x : ImmutableList.of(X, columnMajor, transposed, X)) {
        Map<String, INDArray> results = program.run(Map.of("x", x, "y", Y));
        assertThat(Result.scalar(results, "sum")).isEqualTo(460);
        assertThat(Result.array(results, Program.gradientOf("y")).toDoubleVector())
            .containsExactly(5, 7, 9);
      }
    }
  }

  @Test
  void run_withAColumnMajorInputChangedInPlace_seesTheChange() {
    INDArray x = X.dup('f');
    try (Program program = program()) {
      program.run(Map.of("x", x, "y", Y));
      x.muli(2);

      assertThat(Result.scalar(program.run(Map.of("x", x, "y", Y)), "sum")).isEqualTo(920);
    }
  }

  @Test
  void run_ofAGraphWithConstants_readsThem() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 3);
    SDVariable constant = graph.constant(Nd4j.createFromArray(1.0, 10, 100));
    String name = Ops.multiply(x, constant).name();
    try (Program program = Program.forward(graph, ImmutableList.of(), ImmutableList.of(name))) {
      for (double scale = 1; scale < 4; scale++) {
        INDArray value =
            Result.array(
                program.run(ImmutableMap.of("x", Nd4j.createFromArray(1.0, 2, 3).mul(scale))),
                name);
        assertThat(value.toDoubleVector()).containsExactly(scale, 20 * scale, 300 * scale);
      }
    }
  }

  @Test
  void forward_ofAnUnneededBranch_leavesItOut() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 3);
    Ops.multiply(x, graph.placeHolder("never fed", DataType.DOUBLE, 3));
    String name = Ops.multiply(x, 2).name();
    try (Program program = Program.forward(graph, ImmutableList.of(), ImmutableList.of(name))) {
      assertThat(Result.array(program.run(ImmutableMap.of("x", Y)), name).toDoubleVector())
          .containsExactly(20, 40, 60);
    }
  }

  @Test
  void withGradient_ofSomethingTheLossDoesNotDependOn_isRefused() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 3);
    graph.placeHolder("z", DataType.DOUBLE, 3);
    Ops.sum(x).rename("sum");

    assertThatThrownBy(
            () ->
                Program.withGradient(graph, "sum", ImmutableList.of("x", "z"), ImmutableList.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("z");
  }

  @Test
  void run_afterClose_isRefused() {
    Program program = program();
    program.run(Map.of("x", X, "y", Y));
    program.close();
    program.close();

    assertThat(program.bytes()).isZero();
    assertThatThrownBy(() -> program.run(Map.of("x", X, "y", Y)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  /** By whatever step: ND4J's own would read memory of others. */
  @ParameterizedTest
  @CsvSource({
    "FLOAT, INT, 1",
    "FLOAT, LONG, 1",
    "DOUBLE, INT, 1",
    "DOUBLE, LONG, 1",
    "FLOAT, INT, 2",
    "DOUBLE, LONG, 2"
  })
  void run_ofIdsBeyondTheTable_isRefusedAndCanBeTriedAgain(
      DataType tableType, DataType idType, int rank) {
    long[] shape = rank == 1 ? new long[] {4} : new long[] {2, 2};
    SameDiff graph = SameDiff.create();
    SDVariable table = graph.placeHolder("table", tableType, 10, 4);
    SDVariable twice = Ops.multiply(table, 2.0); // computed before the ids are looked at
    graph.gather(twice, graph.placeHolder("ids", idType, shape), 0).rename("rows");
    INDArray rows = OpCheck.random(1, 10, 4).castTo(tableType);
    INDArray good = Nd4j.createFromArray(9, 0, 3, 3).castTo(idType).reshape(shape);
    long bytes;
    try (Program program =
        Program.forward(graph, ImmutableList.of("table"), ImmutableList.of("rows"))) {
      program.run(ImmutableMap.of("table", rows, "ids", good));
      bytes = program.bytes();
    }
    try (Program program =
        Program.forward(graph, ImmutableList.of("table"), ImmutableList.of("rows"))) {
      for (int round = 0; round < 3; round++) {
        for (int bad : new int[] {10, -1, 100_000_000}) {
          INDArray ids = Nd4j.createFromArray(1, bad, 2, 3).castTo(idType).reshape(shape);
          assertThatThrownBy(() -> program.run(ImmutableMap.of("table", rows, "ids", ids)))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContainingAll("ids", "0 to 9, got " + bad);
        }
        INDArray result =
            Result.array(program.run(ImmutableMap.of("table", rows, "ids", good)), "rows");
        assertThat(result.reshape(4, 4).getRow(0)).isEqualTo(rows.getRow(9).mul(2));
        assertThat(program.bytes()).isEqualTo(bytes);
      }
    }
  }
}
