package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Programs compute what SameDiff's own session computes, again and again, in the same memory. */
class ProgramTest {

  private static final ImmutableList<String> PARAMETERS = ImmutableList.of("w", "v", "b");

  /** A random composition of the allowed ops on matrices, that ends in the scalar "loss". */
  private static SameDiff randomGraph(long seed) {
    Random random = new Random(seed);
    SameDiff graph = SameDiff.create();
    List<SDVariable> values = new ArrayList<>();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 4, 3);
    values.add(Ops.matmul(x, graph.placeHolder("w", DataType.DOUBLE, 3, 5)));
    values.add(Ops.matmulTransposed(x, graph.placeHolder("v", DataType.DOUBLE, 5, 3)));
    values.add(Ops.add(values.get(0), graph.placeHolder("b", DataType.DOUBLE, 5)));
    for (int i = 0; i < 15; i++) {
      SDVariable a = values.get(random.nextInt(values.size()));
      SDVariable b = values.get(random.nextInt(values.size()));
      values.add(combine(random.nextInt(14), a, b));
    }
    SDVariable total = Ops.sum(Ops.multiply(values.get(0), 0.1));
    for (SDVariable value : values) {
      total = Ops.add(total, Ops.sum(Ops.sigmoid(value)));
    }
    total.rename("loss");
    return graph;
  }

  private static SDVariable combine(int op, SDVariable a, SDVariable b) {
    return switch (op) {
      case 0 -> Ops.add(a, b);
      case 1 -> Ops.subtract(a, Ops.multiply(b, 0.5));
      case 2 -> Ops.multiply(Ops.sigmoid(a), b);
      case 3 -> Ops.exp(Ops.clip(a, -2, 2));
      case 4 -> Ops.subtract(a, Ops.logSumExp(a));
      case 5 -> Ops.multiply(a, Ops.isGreater(b, 0.1));
      case 6 -> Ops.reshape(Ops.permute(Ops.reshape(a, 5, 4), 1, 0), 4, 5);
      case 7 -> Ops.multiply(a, Ops.meanKeeping(b, 0));
      case 8 -> Ops.subtract(a, Ops.sumKeeping(Ops.multiply(b, 0.1), 1));
      case 9 -> Ops.logSigmoid(a);
      case 10 -> Ops.matmul(Ops.matmulTransposed(Ops.sigmoid(a), Ops.sigmoid(b)), a);
      case 11 -> Ops.add(Ops.stopGradient(a), b);
      case 12 -> Ops.multiply(a, Ops.unstack(Ops.sigmoid(b), 4)[2]);
      default -> Ops.reshape(Ops.softmax(Ops.reshape(a, 2, 2, 5)), 4, 5);
    };
  }

  private static ImmutableMap<String, INDArray> inputs(long seed) {
    return ImmutableMap.of(
        "x", OpCheck.random(seed, 4, 3),
        "w", OpCheck.random(seed + 1, 3, 5),
        "v", OpCheck.random(seed + 2, 5, 3),
        "b", OpCheck.random(seed + 3, 5));
  }

  private static Program program(long seed) {
    return Program.withGradient(randomGraph(seed), "loss", PARAMETERS, ImmutableList.of());
  }

  private static double[] flat(INDArray array) {
    return array.dup('c').data().asDouble();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void run_ofARandomGraphWithThreeInputs_givesWhatTheSessionGives(long seed) {
    SameDiff session = randomGraph(seed);
    session.setLossVariables("loss");
    session.createGradFunction(PARAMETERS.toArray(String[]::new));
    try (Program program = program(seed)) {
      for (long inputs = 100; inputs < 400; inputs += 100) {
        Map<String, INDArray> feed = inputs(inputs);
        Map<String, INDArray> results = program.run(feed);
        Map<String, INDArray> expected =
            session.calculateGradients(feed, PARAMETERS.toArray(String[]::new));
        for (String name : PARAMETERS) {
          double[] right = flat(Result.array(expected, name));
          double size = Arrays.stream(right).map(Math::abs).max().orElseThrow();
          assertThat(flat(Result.array(results, Program.gradientOf(name))))
              .containsExactly(right, within(1e-12 * Math.max(1, size)));
        }
        double loss = Result.scalar(session.output(feed, "loss"), "loss");
        assertThat(Result.scalar(results, "loss")).isCloseTo(loss, within(1e-10));
      }
    }
  }

  @Test
  void run_aThousandTimes_holdsTheSameMemory() {
    ImmutableMap<String, INDArray> first = inputs(1);
    ImmutableMap<String, INDArray> second = inputs(2);
    try (Program program = program(3)) {
      Map<String, INDArray> results = program.run(first);
      double[] expected = flat(array(results, Program.gradientOf("w")));
      long bytes = program.bytes();
      long tracked = Pointer.totalBytes();
      for (int i = 0; i < 500; i++) {
        program.run(second);
        program.run(first);
      }

      assertThat(program.bytes()).isEqualTo(bytes).isPositive();
      // some hundred bytes a run, of helper objects that wait for the garbage collector
      assertThat(Pointer.totalBytes() - tracked).isLessThan(1_000_000);
      assertThat(flat(array(results, Program.gradientOf("w")))).containsExactly(expected);
    }
  }

  @Test
  void run_withViewsOfALargerVector_readsThemAtTheirOffset() {
    INDArray vector = Nd4j.zeros(DataType.DOUBLE, 7 + 15 + 15 + 5);
    ImmutableMap<String, INDArray> separate = inputs(5);
    INDArray w = vector.get(NDArrayIndex.interval(7, 22)).reshape('c', 3, 5);
    INDArray v = vector.get(NDArrayIndex.interval(22, 37)).reshape('c', 5, 3);
    INDArray b = vector.get(NDArrayIndex.interval(37, 42));
    Map<String, INDArray> views = Map.of("x", array(separate, "x"), "w", w, "v", v, "b", b);
    try (Program program = program(8);
        Program reference = program(8)) {
      for (long seed = 5; seed < 8; seed++) { // changed in place, bound once
        w.assign(array(inputs(seed), "w"));
        v.assign(array(inputs(seed), "v"));
        b.assign(array(inputs(seed), "b"));
        ImmutableMap<String, INDArray> expected =
            reference.run(
                ImmutableMap.<String, INDArray>builder()
                    .putAll(inputs(seed))
                    .put("x", array(separate, "x"))
                    .buildKeepingLast());
        assertSame(program.run(views), expected);
      }
    }
  }

  private static INDArray array(Map<String, INDArray> arrays, String name) {
    return Result.array(arrays, name);
  }

  @Test
  void withGradient_parameterThatTheGraphOrTheLossLacks_isRefusedByName() {
    assertThatThrownBy(() -> squares("w", "v"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("parameters: expected a variable of the graph for each, got none for v");
    assertThatThrownBy(() -> squares("w", "head"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "parameters: expected what loss reads, got [head], which it does not depend on; leave"
                + " out what is not to be trained, by convertToConstant() on the variable of a"
                + " host's graph");
  }

  /** Of a graph that has a variable "head" which its loss does not read. */
  private static Program squares(String... parameters) {
    SameDiff graph = SameDiff.create();
    SDVariable w = graph.placeHolder("w", DataType.DOUBLE, 3);
    graph.placeHolder("head", DataType.DOUBLE, 3);
    Ops.sum(Ops.multiply(w, w)).rename("loss");
    return Program.withGradient(
        graph, "loss", ImmutableList.copyOf(parameters), ImmutableList.of());
  }

  private static void assertSame(Map<String, INDArray> actual, Map<String, INDArray> expected) {
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach(
        (name, value) ->
            assertThat(flat(array(actual, name))).as(name).containsExactly(flat(value)));
  }
}
