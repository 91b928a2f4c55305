package io.github.p3o.internal;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.testing.FiniteDifferences;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Differentiates an op three ways: by a {@link Program}, by SameDiff's own session, and by
 * differences of values. The scalar that is differentiated is a weighted sum of the op's outputs
 * with a random weight for each element, so that a gradient that forgets or mixes up what comes in
 * from above is seen.
 */
final class OpCheck {

  /** Programs and session compute the same numbers, if not always in the same order. */
  private static final double SAME = 1e-12;

  private static final String LOSS = "loss";
  private static final String INCOMING = "incoming";

  /** An op, or a composition of ops. */
  @FunctionalInterface
  interface Op {
    SDVariable on(SDVariable... inputs);
  }

  /** The values of an op and the gradient of their sum, by the op's only input; both flat. */
  static final class Point {
    private final double[] values;
    private final double[] gradient;

    private Point(double[] values, double[] gradient) {
      this.values = values;
      this.gradient = gradient;
    }

    double[] values() {
      return values;
    }

    double[] gradient() {
      return gradient;
    }
  }

  private final Op op;
  private final ImmutableList<INDArray> inputs;
  private final INDArray incoming;

  private OpCheck(Op op, List<INDArray> inputs, boolean randomIncoming) {
    this.op = op;
    this.inputs = ImmutableList.copyOf(inputs);
    INDArray output = output();
    this.incoming =
        randomIncoming
            ? random(7, output.shape()).reshape(output.shape())
            : Nd4j.ones(DataType.DOUBLE, output.shape());
  }

  /** Asserts that the gradient with respect to each input agrees three ways. */
  static void assertDifferentiable(String what, Op op, INDArray... inputs) {
    OpCheck check = new OpCheck(op, Arrays.asList(inputs), true);
    check.assertAgreement(what, check.bySession());
  }

  /** As {@link #assertDifferentiable}, but where SameDiff's own session is known to fail. */
  static void assertDifferentiableInPrograms(String what, Op op, INDArray... inputs) {
    OpCheck check = new OpCheck(op, Arrays.asList(inputs), true);
    check.assertAgreement(what, check.byProgram(check.names()));
  }

  /** The op at these values as a vector: by a program, after asserting that the session agrees. */
  static Point at(Op op, double... values) {
    OpCheck check = new OpCheck(op, List.of(Nd4j.createFromArray(values)), false);
    double[] gradient = check.byProgram(ImmutableList.of(name(0))).get(0);
    assertThat(check.bySession().get(0)).isEqualTo(gradient);
    return new Point(check.output().data().asDouble(), gradient);
  }

  /** Uniform numbers of [−2, 2), the same for the same seed. */
  static INDArray random(long seed, long... shape) {
    Random random = new Random(seed);
    long length = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    double[] values = random.doubles(length, -2, 2).toArray();
    return shape.length == 0 ? Nd4j.scalar(values[0]) : Nd4j.createFromArray(values).reshape(shape);
  }

  private static String name(int input) {
    return "x" + input;
  }

  private ImmutableList<String> names() {
    return IntStream.range(0, inputs.size())
        .mapToObj(OpCheck::name)
        .collect(ImmutableList.toImmutableList());
  }

  private SDVariable apply(SameDiff graph) {
    return op.on(
        IntStream.range(0, inputs.size())
            .mapToObj(i -> graph.placeHolder(name(i), DataType.DOUBLE, inputs.get(i).shape()))
            .toArray(SDVariable[]::new));
  }

  /** The op's output at the inputs. */
  private INDArray output() {
    SameDiff graph = SameDiff.create();
    String name = apply(graph).name();
    try (Program program = Program.forward(graph, ImmutableList.of(), ImmutableList.of(name))) {
      return Result.array(program.run(feed()), name).dup('c');
    }
  }

  private SameDiff graph() {
    SameDiff graph = SameDiff.create();
    SDVariable weight = graph.placeHolder(INCOMING, DataType.DOUBLE, incoming.shape());
    Ops.sum(Ops.multiply(apply(graph), weight)).rename(LOSS);
    return graph;
  }

  private Map<String, INDArray> feed() {
    Map<String, INDArray> feed = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      feed.put(name(i), inputs.get(i));
    }
    return feed;
  }

  private Map<String, INDArray> feedWithIncoming() {
    Map<String, INDArray> feed = feed();
    feed.put(INCOMING, incoming);
    return feed;
  }

  private void assertAgreement(String what, List<double[]> bySession) {
    List<double[]> byProgram = byProgram(names());
    List<double[]> byDifferences = byDifferences();
    for (int i = 0; i < inputs.size(); i++) {
      String gradient = what + ", gradient of input " + i;
      assertClose(gradient + " by differences", byDifferences.get(i), byProgram.get(i), 1e-9);
      assertClose(gradient + " by session", bySession.get(i), byProgram.get(i), SAME);
      // alone: the program then leaves out what the other inputs need
      double[] alone = byProgram(ImmutableList.of(name(i))).get(0);
      assertClose(gradient + " when it is the only one", byProgram.get(i), alone, 0);
    }
  }

  private List<double[]> byProgram(ImmutableList<String> withRespectTo) {
    try (Program program = Program.withGradient(graph(), LOSS, withRespectTo, ImmutableList.of())) {
      program.run(feedWithIncoming());
      Map<String, INDArray> second = program.run(feedWithIncoming());
      return withRespectTo.stream()
          .map(name -> flat(Result.array(second, Program.gradientOf(name))))
          .toList();
    }
  }

  private List<double[]> bySession() {
    SameDiff graph = graph();
    String[] names = names().toArray(String[]::new);
    graph.setLossVariables(LOSS);
    graph.createGradFunction(names);
    Map<String, INDArray> gradients = graph.calculateGradients(feedWithIncoming(), names);
    return Stream.of(names).map(name -> flat(Result.array(gradients, name))).toList();
  }

  private List<double[]> byDifferences() {
    try (Program program = Program.forward(graph(), ImmutableList.of(), ImmutableList.of(LOSS))) {
      return IntStream.range(0, inputs.size()).mapToObj(i -> byDifferences(program, i)).toList();
    }
  }

  private double[] byDifferences(Program program, int input) {
    long[] shape = inputs.get(input).shape();
    return FiniteDifferences.gradient(
        x -> {
          Map<String, INDArray> feed = feedWithIncoming();
          feed.put(name(input), Nd4j.createFromArray(x).reshape(shape));
          return Result.scalar(program.run(ImmutableMap.copyOf(feed)), LOSS);
        },
        flat(inputs.get(input)),
        FiniteDifferences.STEP);
  }

  private static double[] flat(INDArray array) {
    return array.dup('c').data().asDouble();
  }
}
