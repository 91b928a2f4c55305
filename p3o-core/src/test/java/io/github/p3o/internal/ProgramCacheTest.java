package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Programs of many shapes need no more memory than the largest. */
class ProgramCacheTest {

  private static final int COLUMNS = 16;

  private static Program program(int rows) {
    SameDiff graph = SameDiff.create();
    SDVariable value = graph.placeHolder("x", DataType.DOUBLE, rows, COLUMNS);
    SDVariable w = graph.placeHolder("w", DataType.DOUBLE, COLUMNS, COLUMNS);
    for (int layer = 0; layer < 5; layer++) {
      value = Ops.sigmoid(Ops.matmul(value, w));
    }
    Ops.sum(value).rename("loss");
    return Program.withGradient(graph, "loss", ImmutableList.of("w"), ImmutableList.of());
  }

  private static double[] run(Program program, int rows, INDArray w) {
    try (INDArray x = Nd4j.linspace(DataType.DOUBLE, -1, 1e-4, (long) rows * COLUMNS)) {
      Map<String, INDArray> results =
          program.run(ImmutableMap.of("x", x.reshape(rows, COLUMNS), "w", w));
      return Result.array(results, Program.gradientOf("w")).ravel().toDoubleVector();
    }
  }

  @Test
  void get_ofManyShapes_sharesTheMemoryOfTheLargest() {
    try (ProgramCache<Integer, Program> cache =
            new ProgramCache<>("test", ProgramCacheTest::program);
        INDArray w = Nd4j.linspace(DataType.DOUBLE, -1, 0.01, COLUMNS * COLUMNS);
        Program alone = program(4096)) {
      INDArray weights = w.reshape(COLUMNS, COLUMNS);
      double[] expected = run(alone, 4096, weights);
      for (int round = 0; round < 2; round++) {
        for (int rows : new int[] {512, 4096, 2048, 1024, 3000, 4000}) {
          double[] gradient = run(cache.get(rows), rows, weights);
          try (Program fresh = program(rows)) {
            assertThat(gradient).containsExactly(run(fresh, rows, weights), within(1e-12));
          }
        }
        assertThat(run(cache.get(4096), 4096, weights)).containsExactly(expected);
      }
      assertThat(cache.sharedBytes()) // nothing would be little, too
          .isBetween(alone.bytes() / 2, (long) (1.5 * alone.bytes()));
    }
  }

  @Test
  void get_ofGrowingShapes_keepsTheMemoryOfTheLargest() {
    try (ProgramCache<Integer, Program> cache =
            new ProgramCache<>("test", ProgramCacheTest::program);
        INDArray w = Nd4j.linspace(DataType.DOUBLE, -1, 0.01, COLUMNS * COLUMNS)) {
      INDArray weights = w.reshape(COLUMNS, COLUMNS);
      long largest = 0;
      for (int rows = 1000; rows <= 4000; rows += 300) {
        double[] gradient = run(cache.get(rows), rows, weights);
        try (Program fresh = program(rows)) {
          assertThat(gradient).containsExactly(run(fresh, rows, weights), within(1e-12));
          largest = fresh.bytes();
        }
        assertThat(cache.sharedBytes()).isBetween(largest / 2, 3 * largest);
      }
    }
  }

  @Test
  void get_afterClosing_isRefused() {
    ProgramCache<Integer, Program> cache = new ProgramCache<>("test", ProgramCacheTest::program);
    cache.close();
    assertThatThrownBy(() -> cache.get(2))
        .hasMessage("test: expected an open one, got one that was closed");
  }

  @Test
  void get_ofMoreShapesThanAreKept_closesTheLongestUnused() {
    List<Integer> closed = new ArrayList<>();
    try (ProgramCache<Integer, ProgramCache.Entry> cache =
        new ProgramCache<>("test", shape -> () -> closed.add(shape))) {
      for (int shape = 0; shape < 13; shape++) {
        cache.get(shape);
        cache.get(1);
      }
      assertThat(closed).containsExactly(0);
    }
    assertThat(closed).hasSize(13);
  }
}
