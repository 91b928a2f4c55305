package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.OneAtATime;
import io.github.p3o.internal.PlainLoss;
import io.github.p3o.internal.ProgramCache;
import java.util.Arrays;
import java.util.Locale;

/**
 * Runs an objective on plain numbers, without a policy: how a policy in any other engine is
 * trained. The graph of each batch size is kept, so keep the evaluator for a whole training run. It
 * is confined to one thread.
 *
 * <pre>{@code
 * try (LossEvaluator evaluator = new LossEvaluator(P3OLoss.v2())) {
 *   // log-probabilities and rewards of the first and of the second response to each prompt
 *   PairwiseBatch batch =
 *       PairwiseBatch.ofNumbers(
 *           LogProbs.of(old1, old2), LogProbs.of(reference1, reference2), Rewards.of(r1, r2));
 *   double[][] gradient = evaluator.evaluate(batch, LogProbs.of(now1, now2)).gradient();
 * }
 * }</pre>
 *
 * <p>Where numbers come prompt by prompt, {@link LogProbs#ofPrompts}, {@link Rewards#ofPrompts} and
 * {@link Evaluation#gradientOfPrompts} take and give them so.
 */
public final class LossEvaluator implements AutoCloseable {

  /** The size of a batch. */
  private record Size(int responses, int groups) {}

  private final ProgramCache<Size, PlainLoss> losses;
  private final OneAtATime calls = new OneAtATime("evaluator");

  /**
   * An evaluator of an objective.
   *
   * @param objective such as {@code P3OLoss.v2()}
   */
  public LossEvaluator(PolicyLoss objective) {
    losses =
        new ProgramCache<>(
            "evaluator", size -> new PlainLoss(objective, size.responses(), size.groups()));
  }

  /**
   * The mean loss of a batch, its gradient and statistics.
   *
   * @param batch k responses to each prompt
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @return the evaluation
   * @throws IllegalArgumentException if the shapes differ
   * @throws NonFiniteException if the loss or its gradient is not finite, as where a difference of
   *     rewards is greater than a double can be; names the pair, if it is one alone
   * @throws IllegalStateException if it was closed, or within a call of another thread
   */
  public Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs) {
    return evaluate(batch, logProbs, 1);
  }

  /**
   * The same with another KL coefficient than the objective's own, for a KL that is kept near a
   * target: {@code klScale *= control.factor(kl, responses)} after each step, see {@link
   * KlControl}.
   *
   * @param batch k responses to each prompt
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @param klScale what β is multiplied by, ≥ 0; 1 changes no bit
   * @return the evaluation
   * @throws IllegalArgumentException if the shapes differ, or klScale is negative or not finite
   * @throws NonFiniteException as above
   * @throws IllegalStateException as above
   */
  public Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs, double klScale) {
    PairStatistics.checkShape(batch, logProbs);
    checkArgument(
        klScale >= 0 && Double.isFinite(klScale),
        "klScale: expected a finite number >= 0, got %s",
        klScale);
    Size size = new Size(batch.responsesPerPrompt(), batch.groups());
    return calls.run("evaluate", () -> finite(size, batch, logProbs, klScale));
  }

  private Evaluation finite(Size size, PairwiseBatch batch, LogProbs logProbs, double klScale) {
    Evaluation evaluation = losses.get(size).evaluate(batch, logProbs, klScale);
    if (isFinite(evaluation)) {
      return evaluation;
    }
    String message =
        "evaluate: expected a finite loss and gradient, got loss "
            + evaluation.loss()
            + (Double.isFinite(evaluation.loss()) ? " and a gradient that is not" : "");
    PlainLoss alone = losses.get(new Size(size.responses(), 1));
    for (int g = 0; g < size.groups(); g++) {
      PairwiseBatch pair = batch.select(g);
      LogProbs now = logProbs.select(g);
      if (!isFinite(alone.evaluate(pair, now, klScale))) {
        throw new NonFiniteException(
            String.format(
                Locale.ROOT,
                "%s; the cause is pair %d, of rewards %s, log-probabilities now %s, old %s,"
                    + " reference %s",
                message,
                batch.ids().get(g),
                pair.rewards().values(),
                now.values(),
                pair.oldLogProbs().values(),
                pair.referenceLogProbs().values()));
      }
    }
    throw new NonFiniteException(message);
  }

  private static boolean isFinite(Evaluation evaluation) {
    return Double.isFinite(evaluation.loss())
        && Arrays.stream(evaluation.gradient()).allMatch(LossEvaluator::isFinite);
  }

  private static boolean isFinite(double[] values) {
    boolean finite = true;
    for (double value : values) {
      finite &= Double.isFinite(value);
    }
    return finite;
  }

  /**
   * Frees the native memory of the graphs.
   *
   * @throws IllegalStateException within a call, also of another thread; nothing is freed then
   */
  @Override
  public void close() {
    if (calls.close()) {
      losses.close();
    }
  }
}
