package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TabularPolicy;
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

  /** A share of the heap, or the least: 4 GiB × 0.5 is plenty, 20 GiB × 0.02 is 409 MiB. */
  @Test
  void check_overheadUnset_isReckonedAsSparkDoes() {
    SparkConf half =
        conf().set("spark.executor.memory", "4g").set("spark.executor.memoryOverheadFactor", "0.5");
    assertThatCode(() -> MEMORY.check(half)).doesNotThrowAnyException();
    SparkConf little =
        conf()
            .set("spark.executor.memory", "20480") // megabytes
            .set("spark.executor.memoryOverheadFactor", "0.02");
    assertThatThrownBy(() -> MEMORY.check(little))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("spark.executor.memoryOverhead: expected at least 684m")
        .hasMessageContaining("got 409m;");
    assertThatCode(() -> MEMORY.check(little.set("spark.executor.minMemoryOverhead", "684m")))
        .doesNotThrowAnyException();
    assertRefused(
        half.set("spark.executor.memoryOverhead", "683m"), "spark.executor.memoryOverhead: ");
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

  /** Their number is that of the machine's cores, which nobody has told. */
  @Test
  void ofParameters_standaloneClusterWithoutCoresOfAnExecutor_isRefused() {
    try (TabularPolicy policy = BanditModels.USUAL.policy()) {
      assertThatThrownBy(() -> ExecutorMemory.ofParameters(policy, conf()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "spark.executor.cores: expected to be set for spark://127.0.0.1:7077, where an"
                  + " executor else has all cores of its machine, got none; its tasks run at the"
                  + " same time, each with models of its own");
      SparkConf two = conf().set("spark.executor.cores", "2");
      assertThat(ExecutorMemory.ofParameters(policy, two).tasks()).isEqualTo(2);
      SparkConf yarn = conf().set("spark.master", "yarn");
      assertThat(ExecutorMemory.ofParameters(policy, yarn).tasks()).isEqualTo(1);
    }
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
