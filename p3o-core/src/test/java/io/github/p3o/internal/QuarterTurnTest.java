package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A quarter turn without its matrix gives what the product gives in float64. */
class QuarterTurnTest {

  private static final int SEQUENCES = 3;

  private static INDArray matrix(int half, int elements) {
    double[][] matrix = new double[elements][elements];
    for (int i = 0; i < half; i++) {
      matrix[half + i][i] = -1;
      matrix[i][half + i] = 1;
    }
    return Nd4j.createFromArray(matrix);
  }

  /** Of rows that are some heads of each sequence, turned as rotary positions turn them. */
  private static Program program(DataType type, int heads, int half, int elements) {
    SameDiff graph = SameDiff.create();
    long width = (long) heads * elements;
    SDVariable x = graph.placeHolder("x", type, (long) SEQUENCES * heads, elements);
    SDVariable quarter =
        Ops.matmul(Ops.multiply(x, x), QuarterTurn.matrix(graph, type, half, elements));
    SDVariable value =
        Ops.add(
            Ops.multiply(Ops.reshape(x, SEQUENCES, width), graph.placeHolder("c", type, width)),
            Ops.multiply(
                Ops.reshape(quarter, SEQUENCES, width), graph.placeHolder("s", type, width)));
    graph.identity("value", value);
    Ops.sum(Ops.multiply(value, value)).rename("loss");
    return Program.withGradient(graph, "loss", ImmutableList.of("x"), ImmutableList.of("value"));
  }

  private static Map<String, double[]> run(
      DataType type, int heads, int half, int elements, INDArray matrix) {
    long width = (long) heads * elements;
    Map<String, INDArray> inputs = new HashMap<>();
    inputs.put("x", OpCheck.random(1, (long) SEQUENCES * heads, elements).castTo(type));
    inputs.put("c", OpCheck.random(2, width).castTo(type));
    inputs.put("s", OpCheck.random(3, width).castTo(type));
    inputs.put(QuarterTurn.name(half), matrix.castTo(type));
    Map<String, double[]> results = new HashMap<>();
    try (Program program = program(type, heads, half, elements)) {
      program.run(inputs);
      program.run(inputs).forEach((n, array) -> results.put(n, array.dup('c').data().asDouble()));
    }
    return results;
  }

  private static void assertSame(Map<String, double[]> actual, Map<String, double[]> expected) {
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach(
        (name, values) -> {
          double size = Arrays.stream(values).map(Math::abs).max().orElseThrow();
          assertThat(actual.get(name))
              .as(name)
              .containsExactly(values, within(1e-5 * Math.max(1, size)));
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 2", "2, 1, 3", "4, 16, 32", "3, 4, 32", "2, 40, 80", "700, 2, 5"})
  void run_inFloat32_givesTheResultInFloat64(int heads, int half, int elements) {
    INDArray matrix = matrix(half, elements);
    assertSame(
        run(DataType.FLOAT, heads, half, elements, matrix),
        run(DataType.DOUBLE, heads, half, elements, matrix));
  }

  @Test
  @Tag("cpu")
  void run_inFloat32_doesNotReadTheMatrix() {
    assertSame(
        run(DataType.FLOAT, 4, 4, 10, Nd4j.valueArrayOf(new long[] {10, 10}, Double.NaN)),
        run(DataType.DOUBLE, 4, 4, 10, matrix(4, 10)));
  }

  @Test
  void turn_inPlace_movesHalves() {
    float[] rows = {1, 2, 3, 4, 9, 5, 6, 7, 8, 9, 100};
    QuarterTurn.turn(rows, rows, 2, 5, 2);

    assertThat(rows).containsExactly(-3, -4, 1, 2, 0, -7, -8, 5, 6, 0, 100);
  }

  @Test
  void name_ofNoPairs_isRefused() {
    assertThatThrownBy(() -> QuarterTurn.name(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("half: expected at least 1, got 0");
  }

  @Test
  void half_ofAnotherName_isNone() {
    assertThat(QuarterTurn.half(QuarterTurn.name(16))).isEqualTo(16);
    assertThat(QuarterTurn.half("p3o/quarterTurn/of a host")).isZero();
    assertThat(QuarterTurn.half("weights")).isZero();
  }
}
