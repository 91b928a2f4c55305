package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.NonFiniteException;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The gradient of an objective with respect to a policy's parameters. */
public final class PolicyLearner implements AutoCloseable {

  private static final String LOG_PROBS = "p3o/now";

  private final Policy policy;
  private final Objective objective;
  private final int responses;
  private final int groupsAtOnce;
  private final ModelRunner runner;

  /** Gradients for batches of this many responses a prompt, some groups at once. */
  public PolicyLearner(
      Policy policy, Objective objective, int responsesPerPrompt, int groupsAtOnce) {
    this.policy = policy;
    this.objective = objective;
    this.responses = responsesPerPrompt;
    this.groupsAtOnce = groupsAtOnce;
    this.runner = new ModelRunner("trainer", policy, this::program);
  }

  private Program program(BatchShape shape) {
    Objective.Graph built = objective.build(shape);
    SameDiff graph = built.logProbs().getSameDiff();
    String logProbs = graph.identity(LOG_PROBS, built.logProbs()).name();
    ImmutableList<String> means = MeanLoss.addTo(built.terms());
    return Program.withGradient(
        graph,
        MeanLoss.LOSS,
        policy.parameters().names(),
        ImmutableList.<String>builder().add(logProbs).addAll(means).build());
  }

  /**
   * The gradient of the mean loss over the batch.
   *
   * @param klScale factor of the objective's KL coefficient
   * @throws IllegalArgumentException for a batch without responses, or of another k
   * @throws NonFiniteException if the loss or a log-probability is not finite
   */
  public Gradients gradients(PairwiseBatch batch, double klScale) {
    return gradients(batch, objective.whole(batch), klScale);
  }

  /**
   * What a part of a batch contributes to the gradient of the mean loss over it, to the loss and to
   * the diagnostics: those of all parts add up to the batch's.
   *
   * @param whole the batch that it is a part of
   */
  public Gradients gradients(PairwiseBatch batch, Whole whole, double klScale) {
    checkBatch(batch);
    MeanLoss mean = new MeanLoss(whole.losses());
    GradientSum sum = new GradientSum(policy.parameters());
    double[][] now = new double[responses][batch.groups()];
    try {
      for (int from = 0; from < batch.groups(); from += groupsAtOnce) {
        int[] part = IntStream.range(from, Math.min(from + groupsAtOnce, batch.groups())).toArray();
        Map<String, INDArray> values = run(batch.select(part), whole, mean, klScale);
        copy(Result.array(values, LOG_PROBS), now, part);
        mean.add(values);
        sum.add(values);
      }
      checkFinite(batch, now);
      mean.checkFinite();
      LogProbs logProbs = LogProbs.of(now);
      PairStatistics statistics = PairStatistics.of(batch, logProbs, mean.diagnostics());
      return new Gradients(sum.vector(), mean.loss(), batch.groups(), logProbs, statistics);
    } catch (RuntimeException | Error e) {
      closeAfter(e, sum);
      throw e;
    }
  }

  /** Closing fails too where a device has failed: that must not hide why. */
  private static void closeAfter(Throwable failure, GradientSum sum) {
    try {
      sum.close();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private void checkBatch(PairwiseBatch batch) {
    checkArgument(
        !batch.responses().isEmpty(),
        "batch: expected prompts and responses, got numbers only; PairwiseLoss.evaluate takes"
            + " them");
    checkArgument(
        batch.responsesPerPrompt() == responses,
        "batch: expected %s responses a prompt, got %s",
        responses,
        batch.responsesPerPrompt());
  }

  private Map<String, INDArray> run(
      PairwiseBatch part, Whole whole, MeanLoss mean, double klScale) {
    Map<String, INDArray> numbers = objective.feed(part, whole);
    numbers.putAll(mean.feed());
    KlScale.feed(numbers, klScale);
    return runner.run(part.promptOfEach(), part.responses(), numbers);
  }

  private static void copy(INDArray logProbs, double[][] into, int[] groups) {
    double[] values = logProbs.toDoubleVector();
    for (int i = 0; i < into.length; i++) {
      System.arraycopy(values, i * groups.length, into[i], groups[0], groups.length);
    }
  }

  private static void checkFinite(PairwiseBatch batch, double[][] now) {
    for (int i = 0; i < now.length; i++) {
      for (int g = 0; g < now[i].length; g++) {
        if (!Double.isFinite(now[i][g])) {
          throw new NonFiniteException(
              String.format(
                  Locale.ROOT,
                  "logProbs: expected finite values, got %s for response %d of pair %d;"
                      + " the parameters are unchanged",
                  now[i][g],
                  i,
                  batch.ids().get(g)));
        }
      }
    }
  }

  /** The native memory of the largest graph that ran, in bytes. */
  public long bytes() {
    return runner.bytes();
  }

  @Override
  public void close() {
    runner.close();
  }
}
