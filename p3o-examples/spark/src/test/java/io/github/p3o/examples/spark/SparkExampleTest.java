package io.github.p3o.examples.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ObjectArrays;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkExampleTest {

  @TempDir private Path directory = Path.of("");

  /** The example in an application of two threads, as {@code spark-submit} gives it one. */
  private static String printed(Path run, String... args) throws IOException {
    PrintStream console = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (SparkSession spark = session();
        PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
      System.setOut(out);
      SparkExample.main(
          ObjectArrays.concat(
              args,
              new String[] {
                "run=" + run, "width=16", "layers=1", "vocabulary=80", "tokens=4", "pairs=8"
              },
              String.class));
      assertThat(spark.sparkContext().isStopped()).isTrue();
    } finally {
      System.setOut(console);
    }
    return printed.toString(StandardCharsets.UTF_8);
  }

  private static SparkSession session() {
    return SparkSession.builder()
        .master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "3")
        .getOrCreate();
  }

  private static float[] saved(Path run) {
    try (TransformerPolicy policy = TransformerPolicy.load(run.resolve("model"))) {
      return policy.parameters().vector().toFloatVector();
    }
  }

  @Test
  void main_sameLineWithMoreSteps_goesOnToTheModelOfOneRun() throws IOException {
    Path stopped = directory.resolve("stopped");
    assertThat(printed(stopped, "steps=1"))
        .contains("--conf \"spark.executor.memoryOverhead=")
        .contains("step 0  reward ")
        .contains("Saved " + stopped.resolve("model"));
    float[] early = saved(stopped);
    assertThat(printed(stopped, "steps=2")).contains("step 1  reward ").doesNotContain("step 0");
    Path whole = directory.resolve("whole");
    printed(whole, "steps=2");
    assertThat(saved(stopped)).containsExactly(saved(whole)).isNotEqualTo(early);
  }

  @Test
  void main_modelOfAnotherRunPromptsOfAFileAndARank_trainsTheAdapterAlone() throws IOException {
    Path base = directory.resolve("base");
    printed(base, "steps=1");
    Path prompts = directory.resolve("prompts");
    try (SparkSession spark = session()) {
      spark.range(20).selectExpr("array(1, int(id)) tokens").write().parquet(prompts.toString());
    }
    int trained = 2 * 2 * (16 + 16); // of rank 2, on two matrices [16, 16] of the one layer
    assertThat(
            printed(
                directory.resolve("adapter"),
                "steps=1",
                "rank=2",
                "model=" + base.resolve("model"),
                "prompts=" + prompts))
        .contains(
            trained
                + " parameters trained; an update: "
                + 4 * trained
                + " bytes to each executor, "
                + 8 * trained
                + " from all tasks, "
                + 8 * trained
                + " to the driver");
  }

  /** Two tasks at a time over the pages of one file. */
  @Test
  void main_mappedModel_endsWithTheBitsOfTheLoadedOne() throws IOException {
    Path base = directory.resolve("base");
    printed(base, "steps=1");
    String model = "model=" + base.resolve("model");
    Path loaded = directory.resolve("loaded");
    Path mapped = directory.resolve("mapped");
    printed(loaded, "steps=2", "rank=2", model);
    printed(mapped, "steps=2", "rank=2", model, "open=map");
    assertThat(saved(mapped)).containsExactly(saved(loaded)).isNotEqualTo(saved(base));
    assertThatThrownBy(() -> printed(mapped, "steps=2", model, "open=map"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("open: expected load, or map with a rank, got map");
  }

  @Test
  void main_unknownName_isRefused() {
    assertThatThrownBy(() -> SparkExample.main(new String[] {"step=3"}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("arguments: expected name=value with a name of [run, ")
        .hasMessageEndingWith("], got step=3");
  }
}
