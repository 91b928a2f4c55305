package io.github.p3o.train;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.BatchShape;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.GradientSum;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.ProgramCache;
import io.github.p3o.internal.Result;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Fits a policy to given responses, the loss a mean over response tokens. A trainer is confined to
 * one thread.
 */
public final class SftTrainer implements AutoCloseable {

  private static final String LOSS = "p3o/loss";
  private static final String WEIGHT = "p3o/weight";

  private final Policy policy;
  private final TokenLoss objective;
  private final int sequencesAtOnce;
  private final AdamW optimizer;
  private final ProgramCache<BatchShape> programs = new ProgramCache<>(this::program);

  /**
   * A trainer with fresh optimiser state.
   *
   * @param policy is trained in place, and stays the caller's to close
   * @param objective such as {@code new SftLoss()}
   * @param optimizer AdamW, norm clipping and schedule
   * @param sequencesAtOnce sequences whose gradients are computed at once, ≥ 1: bounds the memory
   * @throws IllegalArgumentException if sequencesAtOnce is below 1
   */
  public SftTrainer(
      Policy policy, TokenLoss objective, OptimizerConfig optimizer, int sequencesAtOnce) {
    checkArgument(
        sequencesAtOnce >= 1, "sequencesAtOnce: expected at least 1, got %s", sequencesAtOnce);
    this.policy = policy;
    this.objective = objective;
    this.sequencesAtOnce = sequencesAtOnce;
    this.optimizer = new AdamW(policy.parameters(), optimizer);
  }

  private Program program(BatchShape shape) {
    return Program.withGradient(
        build(shape), LOSS, policy.parameters().names(), ImmutableList.of());
  }

  private Program forwardProgram(BatchShape shape) {
    return Program.forward(build(shape), policy.parameters().names(), ImmutableList.of(LOSS));
  }

  private SameDiff build(BatchShape shape) {
    PolicyGraph built = policy.build(shape);
    SameDiff graph = built.graph();
    SDVariable weight = graph.placeHolder(WEIGHT, DataType.DOUBLE);
    SDVariable sum = Ops.sum(Ops.cast(objective.build(built), DataType.DOUBLE));
    graph.identity(LOSS, Ops.multiply(sum, weight));
    return graph;
  }

  /**
   * One update on a batch.
   *
   * @param batch at least one example
   * @return the mean loss over response tokens before the update, in nats
   * @throws NonFiniteException if the loss or gradient is not finite; the policy is unchanged then
   */
  @CanIgnoreReturnValue
  public double step(List<Example> batch) {
    try (GradientSum sum = new GradientSum(policy.parameters())) {
      double loss = 0;
      double weight = 1.0 / tokens(batch);
      for (int from = 0; from < batch.size(); from += sequencesAtOnce) {
        int to = Math.min(from + sequencesAtOnce, batch.size());
        Map<String, INDArray> values = run(programs, batch.subList(from, to), weight);
        loss += Result.scalar(values, LOSS);
        sum.add(values);
      }
      if (!Double.isFinite(loss)) {
        throw new NonFiniteException(
            "loss: expected a finite value, got " + loss + "; the parameters are unchanged");
      }
      optimizer.update(sum.vector());
      return loss;
    }
  }

  /**
   * The mean loss over the response tokens of some examples, without an update.
   *
   * @param examples at least one
   * @return nats per token
   */
  public double evaluate(List<Example> examples) {
    try (ProgramCache<BatchShape> forward = new ProgramCache<>(this::forwardProgram)) {
      double loss = 0;
      double weight = 1.0 / tokens(examples);
      for (int from = 0; from < examples.size(); from += sequencesAtOnce) {
        int to = Math.min(from + sequencesAtOnce, examples.size());
        loss += Result.scalar(run(forward, examples.subList(from, to), weight), LOSS);
      }
      return loss;
    }
  }

  private Map<String, INDArray> run(
      ProgramCache<BatchShape> cache, List<Example> part, double weight) {
    List<Prompt> prompts = part.stream().map(Example::prompt).toList();
    List<Response> responses = part.stream().map(Example::response).toList();
    BatchShape shape = policy.shape(prompts, responses);
    Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, prompts, responses));
    inputs.putAll(policy.parameters().asMap());
    inputs.put(WEIGHT, Nd4j.scalar(weight));
    return cache.get(shape).run(inputs);
  }

  private static long tokens(List<Example> examples) {
    checkArgument(!examples.isEmpty(), "examples: expected at least one, got none");
    return examples.stream().mapToLong(example -> example.response().length()).sum();
  }

  @Override
  public void close() {
    programs.close();
    optimizer.close();
  }
}
