package io.github.p3o.train;

import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.BatchShape;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.Settings;
import java.util.List;

/**
 * Fits a policy to given responses, the loss a mean over response tokens. A trainer is confined to
 * one thread.
 */
public final class SftTrainer extends SupervisedTraining<Example> {

  /**
   * A trainer with fresh optimiser state.
   *
   * @param policy is trained in place, and stays the caller's to close
   * @param objective such as {@code new SftLoss()}
   * @param optimizer AdamW, norm clipping and schedule
   * @param examplesAtOnce examples whose gradients are computed at once, ≥ 1: bounds the memory,
   *     changes no result beyond rounding
   * @throws IllegalArgumentException if examplesAtOnce is below 1, or the policy is a frozen copy
   */
  public SftTrainer(
      Policy policy, TokenLoss objective, OptimizerConfig optimizer, int examplesAtOnce) {
    super(policy, new Task(policy, objective), optimizer, examplesAtOnce);
  }

  private record Task(Policy policy, TokenLoss objective)
      implements SupervisedTraining.Task<Example> {

    @Override
    public String name() {
      return "examples";
    }

    @Override
    public String loss() {
      return Settings.describe(objective.name(), objective);
    }

    @Override
    public LossTerms build(BatchShape shape) {
      return new LossTerms(objective.build(policy.build(shape)), ImmutableMap.of());
    }

    @Override
    public List<Prompt> prompts(List<Example> examples) {
      return examples.stream().map(Example::prompt).toList();
    }

    @Override
    public List<Response> responses(List<Example> examples) {
      return examples.stream().map(Example::response).toList();
    }

    @Override
    public long losses(List<Example> examples) {
      return examples.stream().mapToLong(example -> example.response().length()).sum();
    }
  }

  /**
   * One update.
   *
   * @param examples at least one
   * @return the mean loss over response tokens before the update, in nats
   * @throws IllegalArgumentException for no examples
   * @throws NonFiniteException if the loss or gradient is not finite; the policy is unchanged then
   */
  @CanIgnoreReturnValue
  public double step(List<Example> examples) {
    return update(examples).loss();
  }

  /**
   * The mean loss over the response tokens of some examples, without an update.
   *
   * @param examples at least one
   * @return nats per token
   * @throws IllegalArgumentException for no examples
   * @throws NonFiniteException if the loss is not finite
   */
  public double evaluate(List<Example> examples) {
    return measure(examples).loss();
  }
}
