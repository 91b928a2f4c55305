package io.github.p3o.spark;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.PairwiseBatch;
import io.github.p3o.TrainingListener;
import io.github.p3o.spark.FaultyModels.Fault;
import io.github.p3o.spark.FaultyModels.FaultyPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Processes of their own, and what befalls them: training ends with the same parameters. */
@Timeout(900)
class StandaloneClusterTest {

  private static final int STEPS = 3;

  /** As in {@link SparkP3OTrainerTest}. */
  private static final double TOLERANCE = 1e-10;

  @TempDir private static Path home = Path.of("");

  private static StandaloneCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    StandaloneCluster.assumeTwoAddresses();
    cluster = new StandaloneCluster(home);
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  /** Called between the rollout and the updates of a step. */
  private interface Event {
    void happen() throws Exception;
  }

  private static SparkP3OTrainer<FaultyPolicy> trainer(
      SparkSession spark, FaultyModels models, int partitions, Event inStep1) {
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onRollout(long step, PairwiseBatch rollout) {
            if (step == 1) {
              try {
                inStep1.happen();
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            }
          }
        };
    return SparkP3OTrainer.builder(spark, models)
        .prompts(BanditModels.prompts())
        .config(BanditModels.config().epochsPerStep(1).build())
        .partitions(partitions)
        .listener(listener)
        .build();
  }

  private static double[] parameters(SparkP3OTrainer<?> trainer) {
    return trainer.policy().parameters().vector().toDoubleVector();
  }

  /** What Spark gives in this process, in as many partitions. */
  private static double[] trainedHere(int partitions, int steps) throws IOException {
    try (SparkSession spark = Sessions.local(1);
        SparkP3OTrainer<?> trainer =
            trainer(spark, new FaultyModels(Fault.NONE, ""), partitions, () -> {})) {
      trainer.train(steps);
      return parameters(trainer);
    }
  }

  @Test
  void train_inAnyPartitions_isTheOneLargeBatchAndAgainTheSameBits() throws Exception {
    double[] plain = BanditModels.USUAL.trainedPlainly(STEPS, 1);
    for (int partitions : new int[] {1, 2, 5}) {
      double[] here = trainedHere(partitions, STEPS);
      assertThat(here).containsExactly(plain, within(TOLERANCE));
      try (SparkSession spark = cluster.application(Map.of());
          SparkP3OTrainer<?> trainer =
              trainer(spark, new FaultyModels(Fault.NONE, ""), partitions, () -> {})) {
        trainer.train(STEPS);
        assertThat(parameters(trainer)).as("%s partitions", partitions).containsExactly(here);
      }
    }
  }

  /** How many executors have come when a trainer is built is a matter of luck. */
  @Test
  void build_withoutPartitions_isRefusedUnlessSparkIsToldHowMany() throws Exception {
    try (SparkSession spark = cluster.application(Map.of())) {
      assertThatThrownBy(() -> builder(spark).build())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching(
              "partitions: expected to be set for spark://.*, whose executors come one by one, or"
                  + " spark.default.parallelism to be, got none");
    }
    try (SparkSession spark = cluster.application(Map.of("spark.default.parallelism", "5"));
        SparkP3OTrainer<FaultyPolicy> trainer = builder(spark).build()) {
      assertThat(trainer.checkpoint().settings()).containsEntry("partitions", "5");
    }
  }

  private static SparkP3OTrainer.Builder<FaultyPolicy> builder(SparkSession spark) {
    return SparkP3OTrainer.builder(spark, new FaultyModels(Fault.NONE, ""))
        .prompts(BanditModels.prompts());
  }

  private static void assertSurvives(
      Fault fault, int executorsLost, Path directory, Map<String, String> settings)
      throws Exception {
    AtomicInteger lost = new AtomicInteger();
    SparkListener listener =
        new SparkListener() {
          @Override
          public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
            lost.incrementAndGet();
          }
        };
    FaultyModels models = new FaultyModels(fault, directory.toString());
    double[] undisturbed = trainedHere(5, STEPS);
    try (SparkSession spark = cluster.application(settings);
        SparkP3OTrainer<?> trainer = trainer(spark, models, 5, models::arm)) {
      spark.sparkContext().addSparkListener(listener);
      trainer.train(STEPS);
      assertThat(models.happened()).isTrue();
      assertThat(parameters(trainer)).containsExactly(undisturbed);
      spark.sparkContext().listenerBus().waitUntilEmpty(60_000);
      assertThat(lost).hasValue(executorsLost);
    }
  }

  @Test
  void train_executorKilledWithinAGradient_endsWithTheSameBits(@TempDir Path directory)
      throws Exception {
    assertSurvives(Fault.KILLED, 1, directory, Map.of());
  }

  @Test
  void train_oneTaskStraggles_isOvertakenAndEndsWithTheSameBits(@TempDir Path directory)
      throws Exception {
    assertSurvives(
        Fault.STRAGGLES,
        0,
        directory,
        Map.of(
            "spark.speculation",
            "true",
            "spark.speculation.quantile",
            "0.5",
            "spark.speculation.minTaskRuntime",
            "1s"));
  }

  /** JavaCPP refuses, the executor lives on, and the task runs again. */
  @Test
  void train_aTaskOutOfNativeMemory_runsAgainAndEndsWithTheSameBits(@TempDir Path directory)
      throws Exception {
    assertSurvives(
        Fault.EXHAUSTS,
        0,
        directory,
        Map.of(
            "spark.executor.extraJavaOptions",
            "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dp3o.log=executor.log"
                + " -Dorg.bytedeco.javacpp.maxphysicalbytes=1g"));
  }

  @Test
  void tournamentAndFrontier_areThoseOfOneMachine() throws Exception {
    try (SparkSession spark = cluster.application(Map.of())) {
      assertThat(Evaluations.on(spark, 3).results()).isEqualTo(Evaluations.here().results());
    }
  }

  @Test
  void train_parametersLostOnTheirWay_areSentAgain(@TempDir Path directory) throws Exception {
    double[] undisturbed = trainedHere(2, STEPS);
    long[] bytes = {0, 0};
    for (int i = 0; i < 2; i++) {
      boolean lose = i == 1;
      try (SparkSession spark = cluster.application(Map.of());
          SparkP3OTrainer<?> trainer =
              trainer(
                  spark,
                  new FaultyModels(Fault.NONE, ""),
                  2,
                  () -> {
                    if (lose) {
                      loseParameters(spark, directory);
                    }
                  })) {
        trainer.train(STEPS);
        assertThat(parameters(trainer)).containsExactly(undisturbed);
        bytes[i] = trainer.traffic().parameterBytes();
      }
    }
    assertThat(bytes[1]).isEqualTo(bytes[0] + 8 * 12);
  }

  /** Removes every block of every broadcast, and what the executors have made of them. */
  private static void loseParameters(SparkSession session, Path directory) {
    for (int id = 0; id < 500; id++) {
      SparkEnv.get().blockManager().master().removeBroadcast(id, true, true);
    }
    String meeting = directory.toString();
    JavaSparkContext.fromSparkContext(session.sparkContext())
        .parallelize(List.of(0, 1), 2)
        .foreach(
            task -> {
              // Each waits for the other, so they are on the two executors of one core.
              Files.createFile(Path.of(meeting, "task" + task));
              while (!Files.exists(Path.of(meeting, "task" + (1 - task)))) {
                Thread.sleep(20);
              }
              WorkerPool.clear();
              System.gc();
            });
  }

  @Test
  void resume_driverKilledBetweenSteps_endsWithTheSameBits(@TempDir Path run) throws Exception {
    Process first = cluster.driver(KillableDriver.class, run.toString());
    awaitSteps(first, 2);
    first.destroyForcibly(); // SIGKILL, within step 3
    assertThat(first.waitFor(60, SECONDS)).isTrue();
    Process second = cluster.driver(KillableDriver.class, run.toString());
    awaitSteps(second, KillableDriver.STEPS);
    assertThat(second.waitFor(120, SECONDS)).isTrue();
    assertThat(Files.readString(run.resolve("parameters")))
        .isEqualTo(Arrays.toString(trainedHere(KillableDriver.PARTITIONS, KillableDriver.STEPS)));
  }

  /** Lets a driver go on until it has done some steps, and into the next. */
  private static void awaitSteps(Process driver, int steps) throws IOException {
    BufferedReader lines = driver.inputReader(StandardCharsets.UTF_8);
    StringBuilder said = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      said.append(line).append('\n');
      if (line.startsWith("steps: ")) {
        driver.getOutputStream().write(1);
        driver.getOutputStream().flush();
      }
      if (line.equals("steps: " + steps)) {
        return;
      }
    }
    throw new IOException("driver ended: " + said);
  }
}
