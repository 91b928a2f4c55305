package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Threads of the driver that are interrupted while they wait. */
@Timeout(120)
class JobsTest {

  /** Longer than the tests may take. */
  private static final long LONG_MILLIS = 600_000;

  // tasks are in this JVM
  private static final AtomicInteger SLEEPING = new AtomicInteger();
  private static final CountDownLatch STARTED = new CountDownLatch(1);
  private static final CountDownLatch LET_GO = new CountDownLatch(1);

  private static SparkSession session;

  @BeforeAll
  static void start() {
    session = Sessions.local(2);
  }

  @AfterAll
  static void stop() {
    session.stop();
  }

  private static JavaSparkContext spark() {
    return JavaSparkContext.fromSparkContext(session.sparkContext());
  }

  /** Within the time of a test. */
  private static void await(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      LockSupport.parkNanos(10_000_000);
    }
  }

  @Test
  void run_interrupted_endsItsOwnJobsAndStaysInterrupted() throws Exception {
    CompletableFuture<List<Integer>> another =
        CompletableFuture.supplyAsync(
            () ->
                Jobs.run(
                    spark().sc(),
                    () -> spark().parallelize(List.of(7), 1).filter(JobsTest::waits).collect()));
    STARTED.await(); // on one of the two threads
    Thread waiting = Thread.currentThread();
    CompletableFuture<Void> interruption =
        CompletableFuture.runAsync(
            () -> {
              await(() -> SLEEPING.get() > 0);
              waiting.interrupt();
            });
    assertThatThrownBy(
            () ->
                Jobs.run(
                    spark().sc(),
                    () -> {
                      spark().parallelize(List.of(1, 2, 3), 3).foreach(JobsTest::sleep);
                      return 0;
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("interrupted while waiting for Spark");
    assertThat(Thread.interrupted()).isTrue();
    interruption.join();
    await(() -> SLEEPING.get() == 0);
    await(() -> spark().statusTracker().getActiveJobIds().length == 1);
    LET_GO.countDown();
    assertThat(another.get()).containsExactly(7);
    assertThat(spark().sc().getLocalProperty("spark.job.interruptOnCancel")).isNull();
    assertThat(spark().getJobTags()).isEmpty();
  }

  private static boolean waits(int task) throws InterruptedException {
    STARTED.countDown();
    return LET_GO.await(LONG_MILLIS + task, TimeUnit.MILLISECONDS);
  }

  private static void sleep(int task) throws InterruptedException {
    SLEEPING.incrementAndGet();
    try {
      Thread.sleep(LONG_MILLIS + task);
    } finally {
      SLEEPING.decrementAndGet();
    }
  }

  /** Trainers are closed in this state. */
  @Test
  void drop_byAnInterruptedThread_waitsAndStaysInterrupted() {
    JavaRDD<Integer> kept = spark().parallelize(List.of(1, 2), 2).cache();
    assertThat(kept.count()).isEqualTo(2);
    Thread.currentThread().interrupt();
    Jobs.drop(spark().sc(), () -> kept.unpersist(true));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(session.sparkContext().getPersistentRDDs().isEmpty()).isTrue();
  }

  /** What a task met, the driver's thread did not. */
  @Test
  void run_taskThatWasInterrupted_leavesTheDriverAsItIs() {
    SparkRewardModel model = new SparkRewardModel(session, JobsTest::interrupted, 1);
    assertThatThrownBy(
            () -> model.score(ImmutableList.of(Prompt.of(1)), ImmutableList.of(Response.of(1))))
        .hasStackTraceContaining("of a call within");
    assertThat(Thread.interrupted()).isFalse();
  }

  private static RewardModel interrupted() {
    throw new IllegalStateException("of a call within", new InterruptedException());
  }
}
