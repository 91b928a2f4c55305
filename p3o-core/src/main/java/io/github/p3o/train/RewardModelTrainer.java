package io.github.p3o.train;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
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
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.GradientSum;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.ProgramCache;
import io.github.p3o.internal.Result;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Fits a reward model to comparisons. A trainer is confined to one thread. */
public final class RewardModelTrainer implements AutoCloseable {

  private static final String LOSS = "p3o/loss";
  private static final String WEIGHT = "p3o/weight";
  private static final String DIAGNOSTIC = "p3o/diagnostic/";

  private final TrainableRewardModel model;
  private final PreferenceLoss objective;
  private final int comparisonsAtOnce;
  private final AdamW optimizer;
  private final ProgramCache<BatchShape> programs = new ProgramCache<>(this::gradientProgram);
  private final ProgramCache<BatchShape> forward = new ProgramCache<>(this::forwardProgram);

  /**
   * A trainer with fresh optimiser state.
   *
   * @param model is trained in place, and stays the caller's to close
   * @param objective such as {@code new BradleyTerryLoss()}
   * @param optimizer AdamW, norm clipping and schedule
   * @param comparisonsAtOnce comparisons whose gradients are computed at once, ≥ 1: bounds the
   *     memory
   * @throws IllegalArgumentException if comparisonsAtOnce is below 1
   */
  public RewardModelTrainer(
      TrainableRewardModel model,
      PreferenceLoss objective,
      OptimizerConfig optimizer,
      int comparisonsAtOnce) {
    checkArgument(
        comparisonsAtOnce >= 1,
        "comparisonsAtOnce: expected at least 1, got %s",
        comparisonsAtOnce);
    this.model = model;
    this.objective = objective;
    this.comparisonsAtOnce = comparisonsAtOnce;
    this.optimizer = new AdamW(model.parameters(), optimizer);
  }

  /** Adds the objective to the model's graph and names what is reported beside the loss. */
  private ImmutableList<String> objective(SDVariable modelScores, BatchShape shape) {
    SameDiff graph = modelScores.getSameDiff();
    int pairs = shape.sequences() / 2;
    SDVariable scores = Ops.cast(modelScores, DataType.DOUBLE);
    SDVariable[] rows = Ops.unstack(Ops.reshape(scores, 2, pairs), 2);
    LossTerms terms = objective.build(rows[0], rows[1]);
    SDVariable weight = graph.placeHolder(WEIGHT, DataType.DOUBLE);
    graph.identity(LOSS, Ops.multiply(Ops.sum(terms.losses()), weight));
    ImmutableList.Builder<String> diagnostics = ImmutableList.builder();
    terms
        .diagnostics()
        .forEach(
            (name, ofEach) ->
                diagnostics.add(
                    graph
                        .identity(DIAGNOSTIC + name, Ops.multiply(Ops.sum(ofEach), weight))
                        .name()));
    return diagnostics.build();
  }

  private Program gradientProgram(BatchShape shape) {
    SDVariable scores = model.build(shape);
    ImmutableList<String> diagnostics = objective(scores, shape);
    return Program.withGradient(
        scores.getSameDiff(), LOSS, model.parameters().names(), diagnostics);
  }

  private Program forwardProgram(BatchShape shape) {
    SDVariable scores = model.build(shape);
    ImmutableList<String> diagnostics = objective(scores, shape);
    return Program.forward(
        scores.getSameDiff(),
        model.parameters().names(),
        ImmutableList.<String>builder().add(LOSS).addAll(diagnostics).build());
  }

  /**
   * One update on a batch.
   *
   * @param batch at least one comparison
   * @return the mean of the loss ({@code loss}) and of the objective's diagnostics before the
   *     update
   * @throws NonFiniteException if the loss or gradient is not finite; the model is unchanged then
   */
  @CanIgnoreReturnValue
  public ImmutableMap<String, Double> step(List<Comparison> batch) {
    try (GradientSum sum = new GradientSum(model.parameters())) {
      ImmutableMap<String, Double> means = run(programs, batch, sum);
      optimizer.update(sum.vector());
      return means;
    }
  }

  /**
   * The same means without an update.
   *
   * @param comparisons at least one
   * @return {@code loss} and the objective's diagnostics
   */
  public ImmutableMap<String, Double> evaluate(List<Comparison> comparisons) {
    return run(forward, comparisons, null);
  }

  private ImmutableMap<String, Double> run(
      ProgramCache<BatchShape> cache, List<Comparison> batch, @Nullable GradientSum sum) {
    checkArgument(!batch.isEmpty(), "comparisons: expected at least one, got none");
    Map<String, Double> means = new TreeMap<>();
    for (int from = 0; from < batch.size(); from += comparisonsAtOnce) {
      List<Comparison> part = batch.subList(from, Math.min(from + comparisonsAtOnce, batch.size()));
      Map<String, INDArray> values = run(cache, part, 1.0 / batch.size());
      means.merge("loss", Result.scalar(values, LOSS), Double::sum);
      values.forEach(
          (name, value) -> {
            if (name.startsWith(DIAGNOSTIC)) {
              means.merge(name.substring(DIAGNOSTIC.length()), value.getDouble(0), Double::sum);
            }
          });
      if (sum != null) {
        sum.add(values);
      }
    }
    double loss = means.getOrDefault("loss", Double.NaN);
    if (!Double.isFinite(loss)) {
      throw new NonFiniteException(
          "loss: expected a finite value, got " + loss + "; the parameters are unchanged");
    }
    return ImmutableMap.copyOf(means);
  }

  private Map<String, INDArray> run(
      ProgramCache<BatchShape> cache, List<Comparison> part, double weight) {
    List<Prompt> prompts =
        Stream.concat(part.stream(), part.stream()).map(Comparison::prompt).toList();
    List<Response> responses =
        Stream.concat(
                part.stream().map(Comparison::chosen), part.stream().map(Comparison::rejected))
            .toList();
    BatchShape shape = model.shape(prompts, responses);
    Map<String, INDArray> inputs = new HashMap<>(model.feed(shape, prompts, responses));
    inputs.putAll(model.parameters().asMap());
    inputs.put(WEIGHT, Nd4j.scalar(weight));
    return cache.get(shape).run(inputs);
  }

  @Override
  public void close() {
    programs.close();
    forward.close();
    optimizer.close();
  }
}
