package io.github.p3o.spark;

import io.github.p3o.TabularPolicy;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.spark.sql.SparkSession;

/**
 * A driver that saves after each step, says so, and waits for a byte before the next; at the end it
 * writes the parameters.
 */
public final class KillableDriver {

  static final int STEPS = 4;
  static final int PARTITIONS = 2;

  private KillableDriver() {}

  /**
   * Trains.
   *
   * @param args the master, the directory of the run
   */
  public static void main(String[] args) throws Exception {
    Path run = Path.of(args[1]);
    Checkpoints checkpoints = new Checkpoints(run.resolve("checkpoints"), 2);
    try (SparkSession spark = StandaloneCluster.configured(args[0]).getOrCreate();
        SparkP3OTrainer<TabularPolicy> trainer =
            SparkP3OTrainer.builder(spark, BanditModels.USUAL)
                .prompts(BanditModels.prompts())
                .config(BanditModels.config().epochsPerStep(1).build())
                .partitions(PARTITIONS)
                .build()) {
      checkpoints.resume(trainer);
      while (trainer.stepsDone() < STEPS) {
        trainer.step();
        checkpoints.save(trainer);
        System.out.println("steps: " + trainer.stepsDone());
        if (System.in.read() < 0) {
          return;
        }
      }
      Files.writeString(
          run.resolve("parameters"),
          Arrays.toString(trainer.policy().parameters().vector().toDoubleVector()));
    }
  }
}
