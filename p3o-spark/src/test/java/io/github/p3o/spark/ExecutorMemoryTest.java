package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainerConfig;
import io.github.p3o.transformer.TransformerPolicy;
import org.apache.spark.SparkConf;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.Test;

/** What is too little is refused before the cluster finds out. */
class ExecutorMemoryTest {

  private static final long MIB = 1 << 20;

  /** Models of 100 MiB and work of 50 MiB for each of two tasks: 684 MiB with the libraries. */
  private static final ExecutorMemory MEMORY = new ExecutorMemory(100 * MIB, 50 * MIB, 40 * MIB, 2);

  private static SparkConf conf() {
    return new SparkConf(false).set("spark.master", "spark://127.0.0.1:7077");
  }

  @Test
  void settings_areAcceptedByTheCheck() {
    SparkConf conf = conf();
    MEMORY.settings(conf).forEach(conf::set);
    assertThat(conf.get("spark.executor.memoryOverhead")).isEqualTo("684m");
    assertThat(conf.get("spark.executor.extraJavaOptions"))
        .isEqualTo("-Dorg.bytedeco.javacpp.maxphysicalbytes=1708m");
    assertThatCode(() -> MEMORY.check(conf)).doesNotThrowAnyException();
    assertThat(MEMORY.settings(conf)).isEqualTo(MEMORY.settings(conf()));
  }

  @Test
  void check_overheadOfSparksDefault_isRefusedWithWhatWouldDo() {
    assertThatThrownBy(() -> MEMORY.check(conf()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "spark.executor.memoryOverhead: expected at least 684m for 2 task(s) with 100m of"
                + " models and 50m of work each, got 384m; native memory fits with"
                + " {spark.executor.memoryOverhead=684m, ");
  }

  @Test
  void settings_keepOtherOptionsButNotThoseOfSparkItself() {
    SparkConf conf =
        conf()
            .set(
                "spark.executor.extraJavaOptions",
                "-Djava.net.preferIPv6Addresses=false "
                    + JavaModuleOptions.defaultModuleOptions()
                    + " -Dmy=1 -Dorg.bytedeco.javacpp.maxphysicalbytes=1g");
    assertThat(MEMORY.settings(conf))
        .containsEntry(
            "spark.executor.extraJavaOptions",
            "-Dmy=1 -Dorg.bytedeco.javacpp.maxphysicalbytes=1708m");
  }

  @Test
  void check_limitOfJavaCppTooLow_isRefused() {
    SparkConf conf =
        conf().set("spark.executor.memoryOverhead", "1g").set("spark.executor.memory", "600m");
    assertRefused(conf, "org.bytedeco.javacpp.maxphysicalbytes: expected at least 1284m");
    assertRefused(
        conf.clone()
            .set(
                "spark.executor.extraJavaOptions", "-Dorg.bytedeco.javacpp.maxphysicalbytes=1283m"),
        "org.bytedeco.javacpp.maxphysicalbytes: expected at least 1284m");
    assertThatCode(
            () ->
                MEMORY.check(
                    conf.clone()
                        .set(
                            "spark.executor.extraJavaOptions",
                            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0")))
        .doesNotThrowAnyException();
  }

  @Test
  void check_heapOrResultsTooSmallForTheParameters_areRefused() {
    SparkConf conf =
        conf()
            .set("spark.executor.memoryOverhead", "1g")
            .set("spark.executor.extraJavaOptions", "-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    assertRefused(
        conf.clone().set("spark.executor.memory", "300m"), "spark.executor.memory: expected");
    assertRefused(
        conf.clone().set("spark.driver.maxResultSize", "55m"),
        "spark.driver.maxResultSize: expected at least 56m");
  }

  /** Spark's default is a tenth of the heap where that is more, and 0 is no limit of results. */
  @Test
  void check_largeHeapAndNoLimitOfResults_areEnough() {
    SparkConf conf =
        conf().set("spark.executor.memory", "8g").set("spark.driver.maxResultSize", "0");
    assertThatCode(() -> MEMORY.check(conf)).doesNotThrowAnyException();
  }

  private static void assertRefused(SparkConf conf, String message) {
    assertThatThrownBy(() -> MEMORY.check(conf))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message);
  }

  @Test
  void check_localMaster_isNotAsked() {
    assertThatCode(() -> MEMORY.check(new SparkConf(false).set("spark.master", "local[2]")))
        .doesNotThrowAnyException();
  }

  @Test
  void measure_anAdapter_countsTheModelUnderIt() {
    TrainerConfig config =
        TrainerConfig.builder().promptsPerStep(4).promptsPerMicroBatch(2).build();
    LoraModels models = new LoraModels(2);
    SparkConf conf = conf().set("spark.executor.cores", "4").set("spark.task.cpus", "2");
    ExecutorMemory memory =
        ExecutorMemory.measure(models, config, Prompt.of(1, 3, 4), Response.of(5, 6, 7, 2), conf);
    try (TransformerPolicy policy = models.policy();
        TransformerPolicy full = new LoraModels(0).policy()) {
      long adapter = 8 * policy.parameters().count();
      assertThat(memory.parameterBytes()).isEqualTo(adapter);
      assertThat(memory.modelBytes()).isEqualTo(2 * adapter + 8 * full.parameters().count());
      assertThat(memory.workBytes()).isGreaterThan(adapter);
      assertThat(memory.tasks()).isEqualTo(2);
    }
  }
}
