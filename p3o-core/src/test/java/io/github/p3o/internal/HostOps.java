package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.testing.FiniteDifferences;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.provider.Arguments;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Checks ops as a host's graph has them: by finite differences in float64 of the graph itself,
 * against the gradients of a copy and of a copy of one that was saved and loaded, and of one in
 * float32, each at the second run of a program, whose memory then holds other numbers.
 */
final class HostOps {

  /** An op on intermediate values, as {@code (graph, x) -> graph.sum(x[0])}. */
  @FunctionalInterface
  interface Op {
    SDVariable on(SameDiff graph, SDVariable[] x);
  }

  /** An op of several outputs. */
  @FunctionalInterface
  interface Several {
    SDVariable[] on(SameDiff graph, SDVariable[] x);
  }

  /** An array that an op reads: numbers evenly apart between two, none of them twice, shuffled. */
  static final class Input {
    private final double low;
    private final double high;
    private final long[] shape;

    Input(double low, double high, long... shape) {
      this.low = low;
      this.high = high;
      this.shape = shape;
    }

    double[] values(long seed) {
      int count = Math.toIntExact(Shape.lengthOf(shape));
      List<Integer> places = new ArrayList<>(IntStream.range(0, count).boxed().toList());
      Collections.shuffle(places, new Random(seed));
      double offset = 0.2 + 0.6 * new Random(~seed).nextDouble();
      return places.stream()
          .mapToDouble(place -> low + (high - low) * (place + offset) / count)
          .toArray();
    }
  }

  /** Numbers of [−2, 2). */
  static Input real(long... shape) {
    return new Input(-2, 2, shape);
  }

  /** Numbers of [0.3, 2). */
  static Input positive(long... shape) {
    return new Input(0.3, 2, shape);
  }

  /** Numbers of [−0.8, 0.8). */
  static Input small(long... shape) {
    return new Input(-0.8, 0.8, shape);
  }

  static List<Input> inputs(Input... inputs) {
    return List.of(inputs);
  }

  static Arguments op(String name, Input input, Op op) {
    return op(name, inputs(input), op);
  }

  static Arguments op(String name, List<Input> inputs, Op op) {
    return several(name, inputs, (graph, x) -> new SDVariable[] {op.on(graph, x)});
  }

  static Arguments several(String name, List<Input> inputs, Several ops) {
    return Arguments.of(name, new HostOps(name, inputs, ops));
  }

  /** A constant in the type of a variable. */
  static SDVariable constant(SDVariable like, double... values) {
    return like.getSameDiff().constant(Nd4j.createFromArray(values).castTo(like.dataType()));
  }

  static SDVariable constant(SDVariable like, double[][] values) {
    return like.getSameDiff().constant(Nd4j.createFromArray(values).castTo(like.dataType()));
  }

  static SDVariable ids(SameDiff graph, int... ids) {
    return graph.constant(Nd4j.createFromArray(ids));
  }

  static SDVariable ids(SameDiff graph, int[][] ids) {
    return graph.constant(Nd4j.createFromArray(ids));
  }

  private static final String LOSS = "loss";

  private final String name;
  private final List<Input> inputs;
  private final Several ops;

  private HostOps(String name, List<Input> inputs, Several ops) {
    this.name = name;
    this.inputs = inputs;
    this.ops = ops;
  }

  private static String input(int index) {
    return "x" + index;
  }

  /** A scalar of the op's outputs, and of what it reads, which another op reads too. */
  SameDiff graph(DataType type) {
    SameDiff graph = SameDiff.create();
    SDVariable[] x = new SDVariable[inputs.size()];
    SDVariable loss = graph.constant(Nd4j.scalar(type, 0));
    for (int i = 0; i < x.length; i++) {
      x[i] = graph.placeHolder(input(i), type, inputs.get(i).shape).mul("read" + i, 1.25);
      loss = loss.add(x[i].mul(x[i]).mul(0.25).sum());
    }
    double shift = 0.3;
    for (SDVariable y : ops.on(graph, x)) {
      loss = loss.add(graph.math().sin(y).mul(y.add(shift)).sum());
      shift += 0.3;
    }
    loss.rename(LOSS);
    return graph;
  }

  void assertGradients(Path directory) throws IOException {
    double[][] at = values(1);
    double[][] expected = byDifferences(at);
    assertCopies(at, expected);
    File file = directory.resolve("graph.fb").toFile();
    graph(DataType.DOUBLE).save(file, false);
    SameDiff loaded = GraphCopy.of(GraphCopy.of(SameDiff.load(file, false)));
    assertClose("copy of a file's", expected, gradients(loaded, at), 1e-6);
  }

  /** For ops that cannot be loaded whole. */
  void assertGradientsOfCopies() {
    double[][] at = values(1);
    assertCopies(at, byDifferences(at));
  }

  private void assertCopies(double[][] at, double[][] expected) {
    assertClose("copy", expected, gradients(GraphCopy.of(graph(DataType.DOUBLE)), at), 1e-6);
    assertClose("float32", expected, gradients(GraphCopy.of(graph(DataType.FLOAT)), at), 2e-3);
  }

  private void assertClose(String form, double[][] expected, double[][] actual, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      String what = name + ", " + form + ", by input " + i;
      FiniteDifferences.assertClose(what, expected[i], actual[i], tolerance);
    }
  }

  private double[][] values(int seed) {
    return IntStream.range(0, inputs.size())
        .mapToObj(i -> inputs.get(i).values(seed + 1_000_003L * i))
        .toArray(double[][]::new);
  }

  private ImmutableMap<String, INDArray> feed(double[][] values, DataType type) {
    ImmutableMap.Builder<String, INDArray> feed = ImmutableMap.builder();
    for (int i = 0; i < values.length; i++) {
      long[] shape = inputs.get(i).shape;
      INDArray vector = Nd4j.createFromArray(values[i]).castTo(type);
      feed.put(input(i), shape.length == 0 ? vector.reshape() : vector.reshape(shape));
    }
    return feed.buildOrThrow();
  }

  private double[][] byDifferences(double[][] at) {
    try (Program program =
        Program.forward(graph(DataType.DOUBLE), ImmutableList.of(), ImmutableList.of(LOSS))) {
      return IntStream.range(0, at.length)
          .mapToObj(
              i ->
                  FiniteDifferences.gradient(
                      x -> {
                        double[][] moved = at.clone();
                        moved[i] = x;
                        return Result.scalar(program.run(feed(moved, DataType.DOUBLE)), LOSS);
                      },
                      at[i],
                      FiniteDifferences.STEP))
          .toArray(double[][]::new);
    }
  }

  double[][] gradients(SameDiff graph, double[][] at) {
    DataType type = graph.getVariable(input(0)).dataType();
    List<String> names = IntStream.range(0, at.length).mapToObj(HostOps::input).toList();
    try (Program program = Program.withGradient(graph, LOSS, names, ImmutableList.of())) {
      program.run(feed(values(2), type));
      Map<String, INDArray> results = program.run(feed(at, type));
      return names.stream().map(name -> flat(results, name)).toArray(double[][]::new);
    }
  }

  private double[] flat(Map<String, INDArray> results, String name) {
    INDArray gradient = Result.array(results, Program.gradientOf(name));
    assertThat(gradient.shape()).isEqualTo(inputs.get(Integer.parseInt(name.substring(1))).shape);
    return gradient.castTo(DataType.DOUBLE).dup('c').data().asDouble();
  }

  /** Makes the gradient of a copy, and runs it. */
  void run() {
    gradients(GraphCopy.of(graph(DataType.DOUBLE)), values(1));
  }
}
