package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Ops of a float32 graph that run together give what the same graph gives in float64, where they
 * run one by one.
 */
class FusionTest {

  private static final double HIDDEN = -1e9;

  /** Makes a value of placeholders "x" and "y" [rows, columns], "r" [columns], "c" [rows, 1]. */
  @FunctionalInterface
  private interface Graph {
    SDVariable build(SDVariable x, SDVariable y, SDVariable r, SDVariable c);
  }

  private static Program program(DataType type, Graph graph, int rows, int columns) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", type, rows, columns);
    SDVariable y = sd.placeHolder("y", type, rows, columns);
    SDVariable r = sd.placeHolder("r", type, columns);
    SDVariable c = sd.placeHolder("c", type, rows, 1);
    SDVariable value = graph.build(x, y, r, c);
    sd.identity("value", value);
    // products, so that the gradient of the value is no constant; and every input has one
    SDVariable used = Ops.add(Ops.add(Ops.sum(Ops.multiply(x, y)), Ops.sum(r)), Ops.sum(c));
    Ops.add(Ops.sum(Ops.multiply(value, value)), Ops.multiply(used, 0.1)).rename("loss");
    return Program.withGradient(
        sd, "loss", ImmutableList.of("x", "y", "r", "c"), ImmutableList.of("value"));
  }

  private static Map<String, INDArray> inputs(long seed, int rows, int columns) {
    Map<String, INDArray> inputs = new HashMap<>();
    inputs.put("x", OpCheck.random(seed, rows, columns).castTo(DataType.FLOAT));
    inputs.put("y", OpCheck.random(seed + 1, rows, columns).castTo(DataType.FLOAT));
    inputs.put("r", OpCheck.random(seed + 2, columns).castTo(DataType.FLOAT));
    inputs.put("c", OpCheck.random(seed + 3, rows, 1).castTo(DataType.FLOAT));
    return inputs;
  }

  private static Map<String, INDArray> inDouble(Map<String, INDArray> inputs) {
    Map<String, INDArray> same = new HashMap<>();
    inputs.forEach((name, array) -> same.put(name, array.castTo(DataType.DOUBLE)));
    return same;
  }

  private static double[] flat(Map<String, INDArray> results, String name) {
    return Result.array(results, name).dup('c').data().asDouble();
  }

  private static void check(Graph graph, int rows, int columns, long seed) {
    try (Program fused = program(DataType.FLOAT, graph, rows, columns);
        Program exact = program(DataType.DOUBLE, graph, rows, columns)) {
      for (long run = 0; run < 3; run++) {
        Map<String, INDArray> inputs = inputs(seed + 10 * run, rows, columns);
        Map<String, INDArray> actual = fused.run(inputs);
        Map<String, INDArray> right = exact.run(inDouble(inputs));
        assertThat(actual.keySet()).isEqualTo(right.keySet());
        for (String name : right.keySet()) {
          double[] expected = flat(right, name);
          double size = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
          assertThat(flat(actual, name))
              .as(name)
              .containsExactly(expected, within(1e-4 * Math.max(1, size)));
        }
      }
    }
  }

  private static SDVariable softmax(SDVariable x) {
    SDVariable shifted = Ops.exp(Ops.subtract(x, Ops.detachedMax(x, 1)));
    return Ops.multiply(shifted, Ops.reciprocal(Ops.sumKeeping(shifted, 1)));
  }

  private static SDVariable norm(SDVariable x, SDVariable weight) {
    SDVariable square = Ops.meanKeeping(Ops.multiply(x, x), 1);
    SDVariable scale = Ops.reciprocal(Ops.sqrt(Ops.add(square, 1e-5)));
    return Ops.multiply(Ops.multiply(x, scale), weight);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 7", "7, 1", "2, 2", "5, 3", "3, 128", "130, 17", "2, 5000", "5000, 9"})
  void run_ofWhatAModelConsistsOf_givesTheUnfusedResult(int rows, int columns) {
    check((x, y, r, c) -> softmax(Ops.multiply(Ops.add(x, r), y)), rows, columns, 1);
    check((x, y, r, c) -> norm(Ops.add(x, y), r), rows, columns, 2);
    check((x, y, r, c) -> Ops.subtract(Ops.logSumExp(x), c), rows, columns, 3);
    check((x, y, r, c) -> Ops.multiply(Ops.multiply(x, Ops.sigmoid(x)), y), rows, columns, 4);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 6", "6, 1", "4, 3", "40, 70"})
  void run_ofEachOp_givesTheUnfusedResult(int rows, int columns) {
    List<Graph> graphs =
        List.of(
            (x, y, r, c) -> Ops.add(Ops.add(x, r), Ops.add(y, c)),
            (x, y, r, c) -> Ops.subtract(Ops.subtract(x, r), Ops.subtract(c, y)),
            (x, y, r, c) -> Ops.multiply(Ops.multiply(r, x), Ops.multiply(c, y)),
            (x, y, r, c) -> Ops.subtract(c, r),
            (x, y, r, c) -> Ops.exp(Ops.multiply(c, Ops.not(x))),
            (x, y, r, c) -> Ops.log(Ops.add(Ops.exp(x), Ops.sumKeeping(Ops.exp(y), 1))),
            (x, y, r, c) -> Ops.sqrt(Ops.add(Ops.multiply(x, x), 1.5)),
            (x, y, r, c) -> Ops.reciprocal(Ops.add(Ops.exp(x), 0.5)),
            (x, y, r, c) -> Ops.multiply(Ops.sum(x, 1), Ops.reshape(c, rows)),
            (x, y, r, c) -> Ops.subtract(Ops.meanKeeping(x, 1), Ops.sigmoid(c)),
            (x, y, r, c) -> Ops.subtract(y, Ops.detachedMax(x, 1)),
            (x, y, r, c) -> Ops.multiply(Ops.stopGradient(x), y),
            (x, y, r, c) -> Ops.logSigmoid(Ops.clip(x, -0.5, 0.5)),
            (x, y, r, c) -> Ops.multiply(Ops.sumKeeping(x, 0), y),
            (x, y, r, c) -> Ops.multiply(x, Ops.sum(y)),
            (x, y, r, c) ->
                Ops.reshape(Ops.multiply(Ops.reshape(x, columns, rows), 2), rows, columns),
            (x, y, r, c) -> Ops.permute(Ops.multiply(Ops.permute(Ops.exp(x), 1, 0), 2), 1, 0),
            (x, y, r, c) -> Ops.matmul(Ops.matmulTransposed(Ops.exp(x), y), Ops.sigmoid(y)));
    for (int i = 0; i < graphs.size(); i++) {
      check(graphs.get(i), rows, columns, 100L * i);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void run_ofARandomGraph_givesTheUnfusedResult(int seed) {
    check((x, y, r, c) -> random(new Random(seed), x, y, r, c), 6, 6, seed);
    check((x, y, r, c) -> random(new Random(seed), x, y, r, c), 9, 4, seed);
  }

  private static SDVariable random(
      Random random, SDVariable x, SDVariable y, SDVariable r, SDVariable c) {
    List<SDVariable> values = new ArrayList<>(List.of(x, y, Ops.sigmoid(Ops.add(x, r))));
    for (int i = 0; i < 14; i++) {
      SDVariable a = values.get(random.nextInt(values.size()));
      SDVariable b = values.get(random.nextInt(values.size()));
      values.add(
          switch (random.nextInt(12)) {
            case 0 -> Ops.add(a, b);
            case 1 -> Ops.subtract(a, Ops.multiply(b, 0.5));
            case 2 -> Ops.multiply(Ops.sigmoid(a), Ops.sigmoid(b));
            case 3 -> Ops.exp(Ops.multiply(Ops.sigmoid(a), r));
            case 4 -> softmax(a);
            case 5 -> norm(a, r);
            case 6 -> Ops.multiply(Ops.sigmoid(a), Ops.meanKeeping(b, 1));
            case 7 -> Ops.subtract(a, Ops.logSumExp(b));
            case 8 -> Ops.add(Ops.multiply(Ops.sigmoid(a), c), Ops.stopGradient(b));
            case 9 ->
                Ops.multiply(Ops.matmul(Ops.matmulTransposed(softmax(a), softmax(b)), b), 0.3);
            case 10 -> Ops.multiply(Ops.sumKeeping(Ops.sigmoid(a), 0), Ops.sigmoid(b));
            default -> Ops.multiply(Ops.sigmoid(b), Ops.sqrt(Ops.add(c, 3)));
          });
    }
    SDVariable total = values.get(values.size() - 1);
    for (SDVariable value : values) {
      total = Ops.add(total, Ops.sigmoid(value));
    }
    return total;
  }

  @Test
  void run_withMaskedScores_givesThemNoWeightAndNoGradient() {
    int rows = 6;
    float[] mask = {0, (float) HIDDEN, 0, (float) HIDDEN, (float) HIDDEN};
    Map<String, INDArray> inputs = new HashMap<>(inputs(5, rows, mask.length));
    inputs.put("r", Nd4j.createFromArray(mask));
    Graph graph = (x, y, r, c) -> Ops.multiply(softmax(Ops.add(x, r)), y);
    try (Program fused = program(DataType.FLOAT, graph, rows, mask.length);
        Program exact = program(DataType.DOUBLE, graph, rows, mask.length)) {
      Map<String, INDArray> actual = fused.run(inputs);
      Map<String, INDArray> right = exact.run(inDouble(inputs));

      assertThat(flat(actual, "value")).containsExactly(flat(right, "value"), within(1e-6));
      for (int row = 0; row < rows; row++) {
        assertThat(flat(actual, "value")[row * mask.length + 1]).isZero();
      }
      assertThat(flat(actual, Program.gradientOf("x")))
          .containsExactly(flat(right, Program.gradientOf("x")), within(1e-5));
    }
  }

  @Test
  void run_onAnyNumberOfThreads_givesTheSameBits() throws Exception {
    Graph graph = (x, y, r, c) -> norm(softmax(Ops.add(x, Ops.multiply(y, r))), r);
    Map<String, INDArray> inputs = inputs(7, 3000, 130);
    try (Program program = program(DataType.FLOAT, graph, 3000, 130)) {
      program.run(inputs);
      Map<String, double[]> expected = new HashMap<>();
      program.run(inputs).forEach((name, array) -> expected.put(name, array.data().asDouble()));
      for (int threads = 1; threads <= 5; threads += 2) {
        ForkJoinPool pool = new ForkJoinPool(threads);
        Map<String, INDArray> results = pool.submit(() -> program.run(inputs)).get();
        pool.shutdown();

        expected.forEach(
            (name, values) ->
                assertThat(Result.array(results, name).data().asDouble()).isEqualTo(values));
      }
    }
  }

  @Test
  void run_withViewsOfALargerVector_readsThemAtTheirOffset() {
    Graph graph = (x, y, r, c) -> Ops.multiply(Ops.add(x, r), Ops.add(y, c));
    INDArray vector = Nd4j.zeros(DataType.FLOAT, 3 + 12 + 12 + 4);
    Map<String, INDArray> views = new HashMap<>(inputs(1, 3, 4));
    views.put("x", vector.get(NDArrayIndex.interval(3, 15)).reshape('c', 3, 4));
    views.put("y", vector.get(NDArrayIndex.interval(15, 27)).reshape('c', 3, 4));
    views.put("r", vector.get(NDArrayIndex.interval(27, 31)));
    try (Program ofViews = program(DataType.FLOAT, graph, 3, 4);
        Program reference = program(DataType.FLOAT, graph, 3, 4)) {
      for (long seed = 1; seed < 4; seed++) { // changed in place, and bound anew
        Map<String, INDArray> separate = inputs(seed, 3, 4);
        views.forEach((name, view) -> view.assign(Result.array(separate, name)));
        Map<String, INDArray> expected = reference.run(separate);
        Map<String, INDArray> actual = ofViews.run(views);
        for (String name : expected.keySet()) {
          assertThat(flat(actual, name)).as(name).containsExactly(flat(expected, name));
        }
      }
    }
  }

  @Test
  @Tag("cpu")
  void run_withoutGradient_needsNoMemoryForWhatIsBetween() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, 64, 1000);
    sd.identity("value", Ops.logSumExp(Ops.multiply(Ops.multiply(x, 2), x)));
    try (Program program = Program.forward(sd, ImmutableList.of("x"), ImmutableList.of("value"))) {
      program.run(ImmutableMap.of("x", Result.array(inputs(1, 64, 1000), "x")));

      assertThat(program.bytes()).isLessThan(4 * 64 * 1000);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8})
  @Tag("cpu")
  void run_ofOpsOnRows_isOneStep(int which) {
    List<Graph> graphs =
        List.of(
            (x, y, r, c) -> softmax(Ops.multiply(Ops.add(x, r), y)),
            (x, y, r, c) -> norm(Ops.subtract(x, c), r),
            (x, y, r, c) -> Ops.subtract(Ops.logSumExp(Ops.multiply(x, 2)), c),
            (x, y, r, c) -> Ops.multiply(Ops.multiply(x, Ops.sigmoid(x)), y),
            (x, y, r, c) -> Ops.reshape(Ops.multiply(Ops.reshape(Ops.not(x), 8, 3), 2), 4, 6),
            (x, y, r, c) -> Ops.exp(Ops.stopGradient(Ops.exp(x))),
            (x, y, r, c) -> Ops.add(Ops.multiply(x, y).div(Ops.exp(y)), Ops.sumKeeping(x, 1)),
            // what is read for its shape alone is not computed for it
            (x, y, r, c) -> Ops.multiply(Ops.exp(x), x.getSameDiff().zerosLike(Ops.exp(x))),
            (x, y, r, c) ->
                x.getSameDiff().reshape(Ops.exp(x), x.getSameDiff().shape(Ops.multiply(x, y))));
    SameDiff sd = SameDiff.create();
    SDVariable value =
        graphs
            .get(which)
            .build(
                sd.placeHolder("x", DataType.FLOAT, 4, 6),
                sd.placeHolder("y", DataType.FLOAT, 4, 6),
                sd.placeHolder("r", DataType.FLOAT, 6),
                sd.placeHolder("c", DataType.FLOAT, 4, 1));
    Map<String, INDArray> inputs = inputs(1, 4, 6);
    try (Program program = Program.forward(sd, inputs.keySet(), List.of(value.name()))) {
      program.run(inputs);
      assertThat(PlanSteps.of(program)).containsExactly("RowStep");
    }
  }
}
