package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Samples;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Draws responses on the executors, for evaluation. Each prompt has a random stream of its own: the
 * responses depend on the generator and the parameters, not on how the prompts are divided up.
 */
public final class SparkSampler implements PairSampler, AutoCloseable {

  private final SparkWorkers workers;

  /**
   * A sampler from the policy as it is at each call.
   *
   * @param spark the application
   * @param models how each executor makes the policy and its sampler
   * @param policy whose parameters are used; the caller's to close
   * @param partitions tasks that the prompts are divided into, ≥ 1
   * @param <P> the type of the policy
   * @throws IllegalArgumentException if partitions is below 1
   */
  public <P extends Policy> SparkSampler(
      SparkSession spark, SparkModels<P> models, P policy, int partitions) {
    Partitions.check(partitions);
    workers =
        new SparkWorkers(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            new Run<>(UUID.randomUUID().toString(), models, 2, 1),
            policy,
            partitions);
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    return workers.sample(prompts, responses, random);
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    return workers.sample(prompts, responses, seeds);
  }

  /** Frees what was sent; the policy stays the caller's. Sampling is refused from then on. */
  @Override
  public void close() {
    workers.close();
  }
}
