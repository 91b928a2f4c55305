package io.github.p3o.train;

import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.BatchShape;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.PreferenceLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Settings;
import java.util.List;
import java.util.stream.Stream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;

/** Fits a reward model to comparisons. A trainer is confined to one thread. */
public final class RewardModelTrainer extends SupervisedTraining<Comparison> {

  /**
   * A trainer with fresh optimiser state.
   *
   * @param model is trained in place, and stays the caller's to close
   * @param objective such as {@code new BradleyTerryLoss()}
   * @param optimizer AdamW, norm clipping and schedule
   * @param comparisonsAtOnce comparisons whose gradients are computed at once, ≥ 1: bounds the
   *     memory, changes no result beyond rounding
   * @throws IllegalArgumentException if comparisonsAtOnce is below 1
   */
  public RewardModelTrainer(
      TrainableRewardModel model,
      PreferenceLoss objective,
      OptimizerConfig optimizer,
      int comparisonsAtOnce) {
    super(model, new Task(model, objective), optimizer, comparisonsAtOnce);
  }

  /** The rows are first the chosen responses, then the rejected ones. */
  private record Task(TrainableRewardModel model, PreferenceLoss objective)
      implements SupervisedTraining.Task<Comparison> {

    @Override
    public String name() {
      return "comparisons";
    }

    @Override
    public String loss() {
      return Settings.describe(objective.name(), objective);
    }

    @Override
    public LossTerms build(BatchShape shape) {
      SDVariable scores = Ops.cast(model.build(shape), DataType.DOUBLE);
      SDVariable[] rows = Ops.unstack(Ops.reshape(scores, 2, shape.sequences() / 2), 2);
      return objective.build(rows[0], rows[1]);
    }

    @Override
    public List<Prompt> prompts(List<Comparison> comparisons) {
      return Stream.concat(comparisons.stream(), comparisons.stream())
          .map(Comparison::prompt)
          .toList();
    }

    @Override
    public List<Response> responses(List<Comparison> comparisons) {
      return Stream.concat(
              comparisons.stream().map(Comparison::chosen),
              comparisons.stream().map(Comparison::rejected))
          .toList();
    }

    @Override
    public long losses(List<Comparison> comparisons) {
      return comparisons.size();
    }
  }

  /**
   * One update.
   *
   * @param comparisons at least one
   * @return the mean of the loss ({@code loss}) and of the objective's diagnostics before the
   *     update
   * @throws IllegalArgumentException for no comparisons
   * @throws NonFiniteException if the loss or gradient is not finite; the model is unchanged then
   */
  @CanIgnoreReturnValue
  public ImmutableMap<String, Double> step(List<Comparison> comparisons) {
    return means(update(comparisons));
  }

  /**
   * The same means without an update.
   *
   * @param comparisons at least one
   * @return {@code loss} and the objective's diagnostics
   * @throws IllegalArgumentException for no comparisons
   * @throws NonFiniteException if the loss is not finite
   */
  public ImmutableMap<String, Double> evaluate(List<Comparison> comparisons) {
    return means(measure(comparisons));
  }

  private static ImmutableMap<String, Double> means(MeanLoss mean) {
    return ImmutableMap.<String, Double>builder()
        .put("loss", mean.loss())
        .putAll(mean.diagnostics())
        .buildOrThrow();
  }
}
