package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What a program saves: steps that it does not run and memory that it does not take. No result
 * would be another without it.
 */
class PlannerTest {

  private static final int N = 64;
  private static final long SQUARE = (long) N * N * Double.BYTES;

  /** A graph of float64 placeholders x, w and b. */
  private static final class Graph {
    private final SameDiff sd = SameDiff.create();
    private final SDVariable x = sd.placeHolder("x", DataType.DOUBLE, N, N);
    private final SDVariable w = sd.placeHolder("w", DataType.DOUBLE, N, N);
    private final SDVariable b = sd.placeHolder("b", DataType.DOUBLE, N);
  }

  private static ImmutableMap<String, INDArray> inputs() {
    return ImmutableMap.of(
        "x", OpCheck.random(1, N, N), "w", OpCheck.random(2, N, N), "b", OpCheck.random(3, N));
  }

  /** The steps and the memory of a program that has run. */
  private record Ran(ImmutableList<String> steps, long bytes) {

    static Ran of(Program program, Map<String, INDArray> inputs) {
      try (program) {
        program.run(inputs);
        return new Ran(PlanSteps.of(program), program.bytes());
      }
    }

    /** The value alone. */
    static Ran forward(SDVariable value) {
      SameDiff graph = value.getSameDiff();
      return of(
          Program.forward(graph, ImmutableList.of("x", "w", "b"), ImmutableList.of(value.name())),
          inputs());
    }

    /** The sum of the values and its gradient. */
    static Ran withGradient(SDVariable value, String... by) {
      Ops.sum(value).rename("loss");
      return of(
          Program.withGradient(
              value.getSameDiff(), "loss", ImmutableList.copyOf(by), ImmutableList.of()),
          inputs());
    }
  }

  @Test
  void valuesThatNobodyReadsAnyMore_leaveTheirMemoryToTheNext() {
    Graph graph = new Graph();
    SDVariable value = graph.x;
    for (int layer = 0; layer < 10; layer++) {
      value = Ops.sigmoid(Ops.matmul(value, graph.w));
    }
    assertThat(Ran.forward(value).bytes()).isLessThanOrEqualTo(2 * SQUARE);
  }

  @Test
  void aSmallValueAfterALargeOne_doesNotTakeItsMemory() {
    Graph graph = new Graph();
    SDVariable small = Ops.exp(Ops.sum(Ops.sigmoid(graph.x)));
    SDVariable sum = Ops.sum(Ops.multiply(Ops.sigmoid(Ops.multiply(graph.w, small)), small));
    assertThat(Ran.forward(sum).bytes()).isLessThan(3 * SQUARE);
  }

  @Test
  void valuesInAnotherShape_areTheSameMemory() {
    Graph graph = new Graph();
    SDVariable value = Ops.exp(graph.x);
    SameDiff sd = graph.sd;
    value = Ops.reshape(value, 1, N, N);
    value = sd.squeeze(sd.expandDims(Ops.stopGradient(sd.identity(value)), 1), 1);
    Ran ran = Ran.forward(Ops.reshape(value, (long) N * N));
    assertThat(ran.steps()).containsExactly("exp");
    assertThat(ran.bytes()).isLessThan(2 * SQUARE);
  }

  @Test
  void whatFollowsFromConstantsAndShapes_isComputedOnce() {
    Graph graph = new Graph();
    SDVariable constant = graph.sd.constant(OpCheck.random(4, N, N));
    SDVariable ones = graph.sd.onesLike(graph.x);
    Ran ran = Ran.forward(Ops.multiply(Ops.multiply(graph.x, Ops.exp(constant)), ones));
    assertThat(ran.steps()).containsExactly("multiply", "multiply");
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "DOUBLE"})
  void gradientsThatAreZero_takeNoSteps(DataType type) {
    assertThat(ofProduct(type, true).steps())
        .doesNotContain("add", "identity", "zeros_as", "zeroslike");
  }

  @Test
  void gradientsThatAreZero_takeNoMemory() {
    assertThat(ofProduct(DataType.FLOAT, true).bytes())
        .isLessThanOrEqualTo(ofProduct(DataType.FLOAT, false).bytes());
  }

  /** The gradient of the sum of a product with a square, perhaps a detached one. */
  private static Ran ofProduct(DataType type, boolean detached) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", type, N, N);
    SDVariable w = graph.placeHolder("w", type, N, N);
    SDVariable value = Ops.matmul(x, w);
    SDVariable other = detached ? Ops.stopGradient(value) : Ops.matmul(w, w);
    Ops.sum(Ops.multiply(value, other)).rename("loss");
    Map<String, INDArray> inputs = new HashMap<>();
    inputs().forEach((name, array) -> inputs.put(name, array.castTo(type)));
    return Ran.of(
        Program.withGradient(graph, "loss", ImmutableList.of("x"), ImmutableList.of()), inputs);
  }

  /** Of a layer its input stays for the gradient, not the product that a bias is added to. */
  @Test
  void valuesOfWhichTheGradientNeedsTheShape_areNotKept() {
    Graph graph = new Graph();
    SDVariable value = graph.x;
    int layers = 10;
    for (int layer = 0; layer < layers; layer++) {
      value = Ops.add(Ops.matmul(value, graph.w), graph.b);
    }
    assertThat(Ran.withGradient(value, "w", "b").bytes()).isLessThan((layers + 6) * SQUARE);
  }

  @Test
  void costlyFunctions_areComputedOnceForValueAndGradient() {
    Graph graph = new Graph();
    SDVariable root = Ops.sqrt(Ops.add(Ops.exp(graph.x), 1));
    SDVariable value = Ops.multiply(Ops.sigmoid(graph.w), Ops.multiply(root, Ops.exp(graph.x)));
    ImmutableList<String> steps = Ran.withGradient(value, "x", "w").steps();
    assertThat(steps).containsOnlyOnce("exp", "sigmoid", "sqrt").doesNotContain("sigmoid_bp");
  }

  @Test
  void gradientsOfProductsAndSums_areCheapOpsAlone() {
    Graph graph = new Graph();
    SDVariable product = Ops.multiply(Ops.matmul(graph.x, graph.w), graph.x);
    SDVariable value = Ops.subtract(Ops.add(product, graph.b), Ops.multiply(graph.b, graph.w));
    assertThat(Ran.withGradient(Ops.multiply(value, value), "x", "w", "b").steps())
        .doesNotContain("matmul_bp", "multiply_bp", "add_bp", "subtract_bp");
  }

  @Test
  void gradientsThatNobodyAskedFor_areNotComputed() {
    Graph graph = new Graph();
    SDVariable first = Ops.matmul(graph.x, graph.w);
    SDVariable value = Ops.matmul(first, graph.sd.placeHolder("v", DataType.DOUBLE, N, N));
    Ops.sum(Ops.multiply(value, value)).rename("loss");
    Map<String, INDArray> inputs = new HashMap<>(inputs());
    inputs.put("v", OpCheck.random(5, N, N));
    Program ofLast =
        Program.withGradient(graph.sd, "loss", ImmutableList.of("v"), ImmutableList.of());
    assertThat(Ran.of(ofLast, inputs).steps()).filteredOn("matmul"::equals).hasSize(2 + 1);
  }

  /** Two threads that meet at one row of ND4J's scatter_add lose an update. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "DOUBLE"})
  void gradientsOfRows_areNeverScattered(DataType type) {
    SameDiff graph = SameDiff.create();
    SDVariable table = graph.placeHolder("table", type, 7, 3);
    SDVariable rows = Ops.rows(table, graph.placeHolder("ids", DataType.INT32, 4));
    Ops.sum(Ops.multiply(rows, rows)).rename("loss");
    Program program =
        Program.withGradient(graph, "loss", ImmutableList.of("table"), ImmutableList.of());
    Map<String, INDArray> inputs =
        Map.of(
            "table", OpCheck.random(1, 7, 3).castTo(type), "ids", Nd4j.createFromArray(3, 0, 3, 6));
    assertThat(Ran.of(program, inputs).steps()).isNotEmpty().doesNotContain("scatter_add");
  }

  @Test
  @Tag("cpu")
  void rowsOfFloat32_areCopiedAndSummedByStepsOfOurOwn() {
    SameDiff graph = SameDiff.create();
    SDVariable table = graph.placeHolder("table", DataType.FLOAT, 7, 3);
    SDVariable rows = Ops.rows(table, graph.placeHolder("ids", DataType.INT32, 4));
    Ops.sum(Ops.multiply(rows, rows)).rename("loss");
    Program program =
        Program.withGradient(graph, "loss", ImmutableList.of("table"), ImmutableList.of());
    Map<String, INDArray> inputs =
        Map.of(
            "table",
            OpCheck.random(1, 7, 3).castTo(DataType.FLOAT),
            "ids",
            Nd4j.createFromArray(3, 0, 3, 6));
    assertThat(Ran.of(program, inputs).steps())
        .contains("GatherStep", "ScatterStep")
        .doesNotContain("gather", "unsorted_segment_sum");
  }

  @Test
  void parametersAndWhatElseIsReadInPlace_takeNoMemory() {
    List<String> names = List.of("x", "w");
    Graph forward = new Graph();
    String sum = Ops.sum(Ops.multiply(forward.x, forward.w), 0, 1).name();
    Program inPlace = Program.forward(forward.sd, names, ImmutableList.of(sum));
    Graph more = new Graph();
    String same = Ops.sum(Ops.multiply(more.x, more.w), 0, 1).name();
    Program later =
        Program.forward(more.sd, ImmutableList.of(), ImmutableList.of(same)).readingInPlace(names);
    assertThat(Ran.of(inPlace, inputs()).bytes()).isLessThan(2 * SQUARE);
    assertThat(Ran.of(later, inputs()).bytes()).isLessThan(2 * SQUARE);
  }

  /** Of a part of a vector, too. */
  @Test
  void parametersInRowMajorOrder_areNotCopied() {
    Graph graph = new Graph();
    Ops.multiply(graph.x, 2).rename("value");
    INDArray x = OpCheck.random(6, 2, N, N).slice(1);
    try (Program program = Program.forward(graph.sd, List.of("x"), ImmutableList.of("value"))) {
      INDArray value = Result.array(program.run(Map.of("x", x)), "value");
      x.putScalar(0, 0, 7);
      program.steps().forEach(Step::execute); // binds nothing
      assertThat(value.getDouble(0, 0)).isEqualTo(14);
    }
  }

  /** A sum over what was broadcast goes through a value of the planner's own. */
  @Test
  void aVariableWithTheNameOfATemporaryOne_isNotMixedUpWithIt() {
    Map<String, double[]> gradients = new HashMap<>();
    for (String name : List.of("usual", "temporary 0")) {
      Graph graph = new Graph();
      SDVariable named = graph.sd.identity(name, Ops.exp(graph.b));
      Ops.sum(Ops.multiply(Ops.multiply(graph.x, named), named)).rename("loss");
      try (Program program =
          Program.withGradient(graph.sd, "loss", List.of("b"), ImmutableList.of())) {
        INDArray gradient = Result.array(program.run(inputs()), Program.gradientOf("b"));
        gradients.put(name, gradient.toDoubleVector());
      }
    }
    assertThat(gradients.get("temporary 0")).containsExactly(gradients.get("usual"));
  }
}
