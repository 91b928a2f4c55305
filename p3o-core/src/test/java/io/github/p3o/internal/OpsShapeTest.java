package io.github.p3o.internal;

import static io.github.p3o.internal.OpCheck.assertDifferentiable;
import static io.github.p3o.internal.OpCheck.assertDifferentiableInPrograms;
import static io.github.p3o.internal.OpCheck.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
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

/** Gradients and values of the ops that multiply matrices and move elements. */
class OpsShapeTest {

  /** Rows, inner size and columns: square, not square, and with sizes of 1. */
  private static final List<int[]> SIZES =
      List.of(
          new int[] {3, 3, 3},
          new int[] {2, 3, 4},
          new int[] {4, 2, 3},
          new int[] {1, 3, 2},
          new int[] {3, 1, 2},
          new int[] {3, 2, 1},
          new int[] {1, 1, 1});

  private static final List<long[]> BATCHES =
      List.of(new long[] {}, new long[] {1}, new long[] {3}, new long[] {2, 3});

  @TestFactory
  Stream<DynamicTest> matmul_ofAnySizes_isDifferentiable() {
    return SIZES.stream()
        .flatMap(
            size ->
                DynamicTest.stream(
                    BATCHES.stream(),
                    batch -> Arrays.toString(batch) + " × " + Arrays.toString(size),
                    batch -> checkMatmul(batch, size[0], size[1], size[2])));
  }

  private static void checkMatmul(long[] batch, int rows, int inner, int columns) {
    INDArray a = matrices(1, batch, rows, inner);
    assertDifferentiable(
        "matmul", x -> Ops.matmul(x[0], x[1]), a, matrices(2, batch, inner, columns));
    assertDifferentiable(
        "matmulTransposed",
        x -> Ops.matmulTransposed(x[0], x[1]),
        a,
        matrices(2, batch, columns, inner));
  }

  private static INDArray matrices(long seed, long[] batch, long rows, long columns) {
    long[] shape = Arrays.copyOf(batch, batch.length + 2);
    shape[batch.length] = rows;
    shape[batch.length + 1] = columns;
    return random(seed, shape);
  }

  @Test
  void matmul_ofPermutedOrReshapedInputs_isDifferentiable() {
    INDArray x = random(1, 2, 3, 4);
    assertDifferentiable(
        "attention scores",
        v ->
            Ops.matmulTransposed(
                Ops.permute(v[0], 1, 0, 2), Ops.permute(Ops.multiply(v[0], 2), 1, 0, 2)),
        x);
    assertDifferentiable(
        "product of reshaped",
        v -> Ops.matmul(Ops.reshape(v[0], 6, 4), Ops.reshape(v[0], 4, 6)),
        x);
  }

  @Test
  void matmul_ofSmallMatrices_isTheProduct() {
    INDArray a = Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 6}});
    INDArray b = Nd4j.createFromArray(new double[][] {{1, 0, 2}, {0, 1, -1}});

    assertThat(value(x -> Ops.matmulTransposed(x[0], x[1]), a, b)).containsExactly(7, -1, 16, -1);
    assertThat(value(x -> Ops.matmul(x[0], Ops.permute(x[1], 1, 0)), a, b))
        .containsExactly(7, -1, 16, -1);
  }

  @Test
  void reshapeAndPermute_ofAnyRank_areDifferentiable() {
    INDArray x = random(1, 2, 3, 4);
    assertDifferentiable("to rank 1", v -> Ops.reshape(v[0], 24), x);
    assertDifferentiable("to rank 2", v -> Ops.reshape(v[0], 8, 3), x);
    assertDifferentiable("to rank 4", v -> Ops.reshape(v[0], 2, 2, 3, 2), x);
    assertDifferentiable("to rank 0", v -> Ops.reshape(v[0]), random(1, 1));
    assertDifferentiable("rank 2", v -> Ops.permute(v[0], 1, 0), random(1, 3, 4));
    assertDifferentiable("rank 3", v -> Ops.permute(v[0], 2, 0, 1), x);
    assertDifferentiable("rank 4", v -> Ops.permute(v[0], 0, 2, 1, 3), random(1, 2, 3, 2, 2));
    assertDifferentiable(
        "reshape of permuted", v -> Ops.reshape(Ops.permute(v[0], 2, 0, 1), 3, 8), x);
  }

  @Test
  void reshape_ofPermuted_readsRowMajor() {
    INDArray x = Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 6}});

    assertThat(value(v -> Ops.reshape(Ops.permute(v[0], 1, 0), 6), x))
        .containsExactly(1, 4, 2, 5, 3, 6);
  }

  @TestFactory
  Stream<DynamicTest> rows_ofAnyIds_isDifferentiable() {
    return DynamicTest.stream(
        Stream.of(
            new int[] {0},
            new int[] {3, 1, 2, 0},
            new int[] {0, 0, 2},
            new int[] {1, 1, 1, 1, 1, 1, 1, 1, 1},
            new int[] {4, 0, 4, 2, 0, 4, 1, 3, 3, 2, 0, 0}),
        Arrays::toString,
        ids -> {
          for (int columns : new int[] {1, 3}) {
            // the session may lose updates of repeated ids: see Nd4jFaultsTest
            assertDifferentiableInPrograms(
                "rows", x -> Ops.rows(x[0], ids(x[0].getSameDiff(), ids)), random(1, 5, columns));
          }
        });
  }

  @Test
  void rows_withoutRepeats_agreesWithTheSession() {
    assertDifferentiable(
        "rows", x -> Ops.rows(x[0], ids(x[0].getSameDiff(), 3, 1, 4)), random(1, 5, 2));
  }

  @Test
  void rows_withManyRepeats_addsAllGradientsEveryTime() {
    // as many rows as it takes for ND4J to use several threads, whose own op loses updates, and
    // more than a block of a device has threads
    int[] ids = new int[2500];
    Arrays.setAll(ids, i -> (i * 37) % 64);
    INDArray incoming = random(9, ids.length, 128);
    double[][] expected = new double[256][128];
    double[][] rows = incoming.toDoubleMatrix();
    for (int i = 0; i < ids.length; i++) {
      double[] sum = expected[ids[i]];
      double[] row = rows[i];
      Arrays.setAll(sum, column -> sum[column] + row[column]);
    }
    SameDiff graph = SameDiff.create();
    SDVariable table = graph.placeHolder("table", DataType.DOUBLE, 256, 128);
    SDVariable weight = graph.placeHolder("weight", DataType.DOUBLE, incoming.shape());
    Ops.sum(Ops.multiply(Ops.rows(table, ids(graph, ids)), weight)).rename("loss");
    ImmutableMap<String, INDArray> feed =
        ImmutableMap.of("table", random(8, 256, 128), "weight", incoming);
    try (Program program = Program.withGradient(graph, "loss", List.of("table"), List.of())) {
      INDArray gradient = Result.array(program.run(feed), Program.gradientOf("table"));
      double[] first = gradient.dup('c').data().asDouble();
      double bound = Fusion.isOnCpu() ? 0 : 1e-12; // elsewhere they are products, in BLAS's order
      assertThat(first)
          .containsExactly(
              Arrays.stream(expected).flatMapToDouble(Arrays::stream).toArray(), within(bound));
      for (int i = 1; i < 100; i++) {
        gradient = Result.array(program.run(feed), Program.gradientOf("table"));
        assertThat(gradient.dup('c').data().asDouble()).isEqualTo(first);
      }
    }
  }

  private static SDVariable ids(SameDiff graph, int... ids) {
    return graph.constant(Nd4j.createFromArray(ids));
  }

  @Test
  void unstack_isDifferentiable_whateverRowsAreUsed() {
    INDArray x = random(1, 3, 4);
    assertDifferentiable(
        "all rows",
        v -> {
          SDVariable[] rows = Ops.unstack(v[0], 3);
          return Ops.add(Ops.multiply(rows[0], rows[1]), rows[2]);
        },
        x);
    assertDifferentiable("one row", v -> Ops.multiply(Ops.unstack(v[0], 3)[1], 2), x);
    assertDifferentiable("rows of size 1", v -> Ops.unstack(v[0], 3)[2], random(1, 3, 1));
    assertDifferentiable(
        "parts of rank 4",
        v -> Ops.multiply(Ops.unstack(v[0], 3)[0], Ops.unstack(v[0], 3)[2]),
        random(1, 3, 2, 2, 3, 2));
    assertDifferentiable("the only row", v -> Ops.unstack(v[0], 1)[0], random(1, 1, 4));
  }

  @Test
  void stack_isDifferentiable() {
    assertDifferentiable(
        "three rows",
        v -> Ops.multiply(Ops.stack(List.of(v[0], v[1], v[2])), 3),
        random(1, 4),
        random(2, 4),
        random(3, 4));
    assertDifferentiable(
        "a row twice", v -> Ops.stack(List.of(v[0], v[1], v[0])), random(1, 1), random(2, 1));
  }

  private static double[] value(OpCheck.Op op, INDArray... inputs) {
    SameDiff graph = SameDiff.create();
    ImmutableMap.Builder<String, INDArray> feed = ImmutableMap.builder();
    SDVariable[] variables = new SDVariable[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      variables[i] = graph.placeHolder("x" + i, DataType.DOUBLE, inputs[i].shape());
      feed.put("x" + i, inputs[i]);
    }
    String name = op.on(variables).name();
    try (Program program = Program.forward(graph, ImmutableList.of(), ImmutableList.of(name))) {
      return Result.array(program.run(feed.buildOrThrow()), name).dup('c').data().asDouble();
    }
  }
}
