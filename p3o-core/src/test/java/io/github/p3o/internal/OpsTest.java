package io.github.p3o.internal;

import static io.github.p3o.internal.OpCheck.assertDifferentiable;
import static io.github.p3o.internal.OpCheck.assertDifferentiableInPrograms;
import static io.github.p3o.internal.OpCheck.random;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.internal.OpCheck.Op;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The gradient of every op agrees with differences of its values, in float64, in many shapes. */
class OpsTest {

  private static final List<long[]> SHAPES =
      List.of(
          new long[] {},
          new long[] {5},
          new long[] {3, 4},
          new long[] {2, 3, 2},
          new long[] {2, 1, 3, 2},
          new long[] {1},
          new long[] {1, 1});

  private static final List<List<long[]>> BROADCASTS =
      List.of(
          List.of(new long[] {3, 4}, new long[] {3, 4}),
          List.of(new long[] {3, 4}, new long[] {4}),
          List.of(new long[] {3, 4}, new long[] {1, 4}),
          List.of(new long[] {3, 4}, new long[] {3, 1}),
          List.of(new long[] {3, 1}, new long[] {1, 4}),
          List.of(new long[] {3, 4}, new long[] {1, 1}),
          List.of(new long[] {3, 4}, new long[] {}),
          List.of(new long[] {4}, new long[] {}),
          List.of(new long[] {}, new long[] {}),
          List.of(new long[] {2, 3, 4}, new long[] {4}),
          List.of(new long[] {2, 3, 4}, new long[] {3, 1}),
          List.of(new long[] {2, 3, 4}, new long[] {2, 1, 4}),
          List.of(new long[] {2, 1, 4}, new long[] {3, 1}),
          List.of(new long[] {2, 3, 2, 2}, new long[] {1, 3, 1, 2}),
          List.of(new long[] {2, 1, 2, 1}, new long[] {1, 3, 1, 2}));

  /** Random inputs, but positive where the op asks for it. */
  private static Stream<DynamicTest> inEveryShape(String name, Op op, boolean positive) {
    return SHAPES.stream()
        .map(
            shape -> {
              INDArray x = random(3, shape);
              INDArray input = positive ? x.mul(x).add(0.25) : x;
              return DynamicTest.dynamicTest(
                  name + " " + Arrays.toString(shape), () -> assertDifferentiable(name, op, input));
            });
  }

  @TestFactory
  Stream<DynamicTest> ofOneArray_inAnyShape_isDifferentiable() {
    return Stream.of(
            inEveryShape("add number", x -> Ops.add(x[0], 1.5), false),
            inEveryShape("multiply by number", x -> Ops.multiply(x[0], -2.5), false),
            inEveryShape("identity", x -> x[0].getSameDiff().identity(x[0]), false),
            inEveryShape("negate", x -> Ops.negate(x[0]), false),
            inEveryShape("not", x -> Ops.not(x[0]), false),
            inEveryShape("exp", x -> Ops.exp(x[0]), false),
            inEveryShape("sigmoid", x -> Ops.sigmoid(x[0]), false),
            inEveryShape("erf", x -> Ops.erf(x[0]), false),
            inEveryShape("gelu", x -> Ops.gelu(x[0]), false),
            inEveryShape("gelu, tanh", x -> Ops.geluTanh(x[0]), false),
            inEveryShape("log sigmoid", x -> Ops.logSigmoid(x[0]), false),
            inEveryShape("clip", x -> Ops.clip(x[0], -0.7, 0.9), false),
            inEveryShape("reciprocal", x -> Ops.reciprocal(x[0]), true),
            inEveryShape("log", x -> Ops.log(x[0]), true),
            inEveryShape("sqrt", x -> Ops.sqrt(x[0]), true),
            inEveryShape("sum of all", x -> Ops.sum(x[0]), false))
        .flatMap(tests -> tests);
  }

  @TestFactory
  Stream<DynamicTest> ofTwoArrays_broadcastEitherWay_isDifferentiable() {
    return Stream.of(
            broadcasts("add", x -> Ops.add(x[0], x[1])),
            broadcasts("subtract", x -> Ops.subtract(x[0], x[1])),
            broadcasts("multiply", x -> Ops.multiply(x[0], x[1])))
        .flatMap(tests -> tests);
  }

  private static Stream<DynamicTest> broadcasts(String name, Op op) {
    return BROADCASTS.stream()
        .flatMap(
            shapes -> {
              INDArray a = random(5, shapes.get(0));
              INDArray b = random(6, shapes.get(1));
              String title = name + " " + Arrays.toString(a.shape()) + Arrays.toString(b.shape());
              return Stream.of(
                  DynamicTest.dynamicTest(title, () -> assertDifferentiable(title, op, a, b)),
                  DynamicTest.dynamicTest(
                      title + " exchanged", () -> assertDifferentiable(title, op, b, a)));
            });
  }

  @Test
  void multiply_ofAnArrayByItself_isDifferentiable() {
    assertDifferentiable("x · x", x -> Ops.multiply(x[0], x[0]), random(1, 3, 4));
    assertDifferentiable("x + x", x -> Ops.add(x[0], x[0]), random(1, 3, 4));
    assertDifferentiable("x − x", x -> Ops.subtract(x[0], x[0]), random(1, 3, 4));
  }

  @TestFactory
  Stream<DynamicTest> reductions_overAnyAxes_areDifferentiable() {
    List<int[]> axesOfRank3 =
        List.of(
            new int[] {0},
            new int[] {1},
            new int[] {2},
            new int[] {0, 1},
            new int[] {0, 2},
            new int[] {1, 2},
            new int[] {0, 1, 2});
    return DynamicTest.stream(
        axesOfRank3.stream(),
        axes -> "over " + Arrays.toString(axes),
        axes -> {
          INDArray x = random(2, 2, 3, 4);
          assertDifferentiable("sum", v -> Ops.sum(v[0], axes), x);
          assertDifferentiable("sumKeeping", v -> Ops.sumKeeping(v[0], axes), x);
          assertDifferentiable("meanKeeping", v -> Ops.meanKeeping(v[0], axes), x);
        });
  }

  @Test
  void reductions_ofVectorAndMatrix_areDifferentiable() {
    assertDifferentiable("sum", v -> Ops.sum(v[0], 0), random(2, 6));
    assertDifferentiable("sumKeeping", v -> Ops.sumKeeping(v[0], 1), random(2, 3, 5));
    assertDifferentiable("meanKeeping", v -> Ops.meanKeeping(v[0], 1), random(2, 3, 5));
    assertDifferentiable("meanKeeping", v -> Ops.meanKeeping(v[0], 3), random(2, 2, 1, 2, 3));
  }

  @Test
  void softmaxAndLogSumExp_areDifferentiable() {
    for (long columns : new long[] {2, 7}) {
      assertDifferentiable("logSumExp", v -> Ops.logSumExp(v[0]), random(4, 3, columns));
      assertDifferentiable("softmax", v -> Ops.softmax(v[0]), random(4, 2, 3, columns));
      assertDifferentiable(
          "log-softmax", v -> Ops.subtract(v[0], Ops.logSumExp(v[0])), random(4, 3, columns));
    }
  }

  @Test
  void reductions_ofRowOrColumnMatrixOverItsSizeOneAxis_areDifferentiable() {
    INDArray column = random(2, 3, 1);
    assertDifferentiableInPrograms("sum", v -> Ops.sum(v[0], 1), column);
    assertDifferentiableInPrograms("sumKeeping", v -> Ops.sumKeeping(v[0], 1), column);
    assertDifferentiableInPrograms("meanKeeping", v -> Ops.meanKeeping(v[0], 1), column);
    assertDifferentiableInPrograms("sum of row", v -> Ops.sum(v[0], 0), random(2, 1, 3));
    assertDifferentiableInPrograms(
        "of a value inside the graph", v -> Ops.sum(Ops.multiply(v[0], 2), 1), column);
    assertDifferentiableInPrograms("logSumExp", v -> Ops.logSumExp(v[0]), column);
  }

  @Test
  void cast_thereAndBack_passesTheGradient() {
    // float32 holds 3 · x for small integers x exactly
    INDArray x = Nd4j.createFromArray(new double[][] {{1, -2, 3}, {0, 5, 7}});
    Op thereAndBack =
        v -> Ops.cast(Ops.multiply(Ops.cast(v[0], DataType.FLOAT), 3), DataType.DOUBLE);
    OpCheck.Point point = OpCheck.at(thereAndBack, x.data().asDouble());

    assertThat(point.values()).containsExactly(3, -6, 9, 0, 15, 21);
    assertThat(point.gradient()).containsExactly(3, 3, 3, 3, 3, 3);
  }

  @Test
  void cast_toTheSameType_addsNoOp() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.DOUBLE, 3);

    assertThat(Ops.cast(x, DataType.DOUBLE)).isSameAs(x);
  }
}
