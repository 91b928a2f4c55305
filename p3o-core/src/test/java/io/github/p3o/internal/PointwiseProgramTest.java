package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import java.util.function.BinaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Programs on lanes compute what the same graph computes op by op. */
class PointwiseProgramTest {

  private static final ImmutableList<String> INPUTS = ImmutableList.of("x", "y");

  /** f(x, y) on lanes, its weighed sum and another sum. */
  private static SameDiff graph(BinaryOperator<SDVariable> f, int lanes) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, lanes);
    SDVariable y = graph.placeHolder("y", DataType.DOUBLE, lanes);
    SDVariable weight = graph.placeHolder("weight", DataType.DOUBLE);
    SDVariable given = graph.placeHolder("given", DataType.DOUBLE, lanes);
    SDVariable both = Ops.multiply(Ops.add(x, y), 0.25); // so that the loss depends on both
    SDVariable value = Ops.multiply(Ops.add(f.apply(x, y), both), given);
    graph.identity("other", Ops.sum(Ops.isGreater(value, 0)));
    graph.identity("loss", Ops.multiply(Ops.sum(value), weight));
    return graph;
  }

  private static Optional<PointwiseProgram> pointwise(SameDiff graph) {
    return PointwiseProgram.withGradient(
        graph,
        "loss",
        INPUTS,
        ImmutableList.of("given"),
        ImmutableList.of("other"),
        make -> ImmutableMap.of());
  }

  private static PointwiseProgram.Results run(
      PointwiseProgram program, int lanes, Map<String, double[]> arrays) {
    Map<String, PointwiseProgram.Lanes> inputs = new LinkedHashMap<>();
    arrays.forEach(
        (name, array) ->
            inputs.put(name, (from, into, n) -> System.arraycopy(array, from, into, 0, n)));
    return program.run(
        lanes, new PointwiseProgram.Inputs(inputs, ImmutableMap.of("weight", () -> 0.3)));
  }

  /** Random numbers, some of them 0, −0, equal to each other, or at a bound. */
  private static Map<String, double[]> arrays(int lanes, long seed) {
    Random random = new Random(seed);
    double[] special = {0.0, -0.0, 0.5, -0.5, 1};
    Map<String, double[]> arrays = new LinkedHashMap<>();
    for (String name : List.of("x", "y", "given")) {
      double[] values = new double[lanes];
      for (int i = 0; i < lanes; i++) {
        values[i] = random.nextInt(4) == 0 ? special[random.nextInt(5)] : random.nextGaussian();
      }
      arrays.put(name, values);
    }
    return arrays;
  }

  private static Arguments of(String name, BinaryOperator<SDVariable> f) {
    return Arguments.of(name, f);
  }

  static Stream<Arguments> functions() {
    return Stream.of(
        of("x + y", Ops::add),
        of("x − y", Ops::subtract),
        of("x y", Ops::multiply),
        of("x + x y − 2", (x, y) -> Ops.add(Ops.add(x, Ops.multiply(x, y)), -2)),
        of("exp", (x, y) -> Ops.exp(Ops.subtract(x, y))),
        of("log", (x, y) -> Ops.log(Ops.add(Ops.multiply(x, x), 1))),
        of("1/x", (x, y) -> Ops.reciprocal(Ops.add(Ops.exp(y), 1))),
        of("clip", (x, y) -> Ops.multiply(Ops.clip(x, -0.5, 0.5), y)),
        of("clip below", (x, y) -> Ops.clip(x, -0.5, Double.POSITIVE_INFINITY)),
        of("clip above", (x, y) -> Ops.clip(Ops.multiply(x, y), Double.NEGATIVE_INFINITY, 0.5)),
        of("clip at 0", (x, y) -> Ops.clip(x, 0, 1)),
        of("x > y", (x, y) -> Ops.multiply(Ops.isGreater(x, y), x)),
        of("x > 0", (x, y) -> Ops.multiply(Ops.isGreater(x, 0), y)),
        of("x < 0", (x, y) -> Ops.multiply(Ops.isLess(x, 0), y)),
        of(
            "outside",
            (x, y) -> Ops.multiply(Ops.add(Ops.isLess(x, -0.5), Ops.isGreater(x, 0.5)), y)),
        of("outside a point", (x, y) -> Ops.add(Ops.isLess(x, 0), Ops.isGreater(x, 0))),
        of("below and above", (x, y) -> Ops.add(Ops.isLess(x, 0.5), Ops.isGreater(x, -0.5))),
        of("not", (x, y) -> Ops.multiply(Ops.not(Ops.isLess(x, 0.5)), y)),
        of("exp of a clip", (x, y) -> Ops.exp(Ops.clip(Ops.multiply(x, y), -20, 20))),
        of("exp of a wide clip", (x, y) -> Ops.exp(Ops.clip(x, -1000, 1000))),
        of(
            "multiples of counts",
            (x, y) -> Ops.multiply(Ops.add(Ops.isLess(x, 0.5), Ops.isGreater(y, 0)), 0.5)),
        of("log σ", (x, y) -> Ops.logSigmoid(Ops.multiply(x, y))),
        of("detached", (x, y) -> Ops.multiply(Ops.stopGradient(Ops.exp(x)), y)),
        of("x", (x, y) -> Ops.add(x, Ops.multiply(y, 0))),
        of("constant", (x, y) -> Ops.stopGradient(Ops.add(Ops.multiply(x, 0), Ops.exp(y)))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("functions")
  void run_ofEachFunction_equalsOpByOp(String name, BinaryOperator<SDVariable> f) {
    for (int lanes : new int[] {2, 255, 256, 257, 2049}) {
      Map<String, double[]> arrays = arrays(lanes, lanes);
      PointwiseProgram.Results ours = run(pointwise(graph(f, lanes)).orElseThrow(), lanes, arrays);
      Map<String, INDArray> feed = new LinkedHashMap<>();
      arrays.forEach((input, array) -> feed.put(input, Nd4j.createFromArray(array)));
      feed.put("weight", Nd4j.scalar(0.3));
      try (Program program =
          Program.withGradient(graph(f, lanes), "loss", INPUTS, ImmutableList.of("other"))) {
        Map<String, INDArray> theirs = program.run(feed);
        assertThat(ours.numbers().get("loss"))
            .isCloseTo(Result.scalar(theirs, "loss"), within(1e-12 * lanes));
        assertThat(ours.numbers().get("other")).isEqualTo(Result.scalar(theirs, "other"));
        for (String input : INPUTS) {
          assertThat(ours.lanes().get(Program.gradientOf(input)))
              .containsExactly(
                  Result.array(theirs, Program.gradientOf(input)).toDoubleVector(), within(1e-13));
        }
      }
    }
  }

  @Test
  void run_ofManyLanes_doesNotDependOnTheThreads() throws Exception {
    int lanes = 100_001;
    PointwiseProgram program =
        pointwise(graph((x, y) -> Ops.multiply(Ops.exp(x), y), lanes)).orElseThrow();
    Map<String, double[]> arrays = arrays(lanes, 3);
    PointwiseProgram.Results many = run(program, lanes, arrays);
    ForkJoinPool one = new ForkJoinPool(1);
    try {
      PointwiseProgram.Results alone = one.submit(() -> run(program, lanes, arrays)).get();
      assertThat(alone.numbers()).isEqualTo(many.numbers());
      assertThat(alone.lanes().get(Program.gradientOf("x")))
          .containsExactly(many.lanes().get(Program.gradientOf("x")));
    } finally {
      one.shutdown();
    }
    double[] xs = arrays.getOrDefault("x", new double[0]);
    double[] ys = arrays.getOrDefault("y", new double[0]);
    double[] given = arrays.getOrDefault("given", new double[0]);
    double sum = 0;
    for (int i = 0; i < lanes; i++) {
      sum += (Math.exp(xs[i]) * ys[i] + 0.25 * (xs[i] + ys[i])) * given[i];
    }
    assertThat(many.numbers().get("loss")).isCloseTo(0.3 * sum, within(1e-8));
  }

  @Test
  void withGradient_aLaneThatNeedsASumOfAll_isLeftToTheOps() {
    BinaryOperator<SDVariable> centred = (x, y) -> Ops.subtract(x, Ops.multiply(Ops.sum(y), 0.1));
    assertThat(pointwise(graph(centred, 4))).isEmpty();
  }

  @Test
  void withGradient_anOpOfAnotherKind_isLeftToTheOps() {
    BinaryOperator<SDVariable> reshaped = (x, y) -> Ops.reshape(Ops.reshape(x, 2, 2), 4);
    assertThat(pointwise(graph(reshaped, 4))).isEmpty();
  }

  @Test
  void run_aMissingInput_isNamed() {
    PointwiseProgram program = pointwise(graph(Ops::multiply, 2)).orElseThrow();
    assertThatThrownBy(() -> run(program, 2, ImmutableMap.of("x", new double[2])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("lanes: expected numbers for");
  }

  private static Expression expression(SDVariable value) {
    SameDiff graph = value.getSameDiff();
    List<String> wanted = List.of(value.name());
    return PointwiseReader.read(
            graph, Program.orderFor(graph, wanted), wanted, INPUTS, new Expression.Factory())
        .map(values -> values.get(value.name()))
        .orElseThrow();
  }

  /** Masks give the same, in six times the work. */
  @Test
  void read_ofAClip_isOneOperation() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 4);
    Expression clip = expression(Ops.clip(x, -0.5, 2));
    assertThat(clip.kind()).isEqualTo(Expression.Kind.CLIP);
    assertThat(clip.a().kind()).isEqualTo(Expression.Kind.LANES);
  }

  @Test
  void read_ofTheSameTwice_isOneValue() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 4);
    SDVariable y = graph.placeHolder("y", DataType.DOUBLE, 4);
    SDVariable one = Ops.exp(Ops.subtract(x, Ops.multiply(y, 1)));
    SDVariable same = Ops.add(Ops.exp(Ops.subtract(x, y)), Ops.multiply(x, 0));
    Expression difference = expression(Ops.subtract(one, same));
    assertThat(difference.a()).isSameAs(difference.b());
  }
}
