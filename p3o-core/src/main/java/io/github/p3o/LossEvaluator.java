package io.github.p3o;

import io.github.p3o.internal.OneAtATime;
import io.github.p3o.internal.PlainLoss;
import io.github.p3o.internal.ProgramCache;

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
   * @throws IllegalStateException if it was closed, or within a call of another thread
   */
  public Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs) {
    PairStatistics.checkShape(batch, logProbs);
    Size size = new Size(batch.responsesPerPrompt(), batch.groups());
    return calls.run("evaluate", () -> losses.get(size).evaluate(batch, logProbs));
  }

  /** Frees the native memory of the graphs. */
  @Override
  public void close() {
    if (calls.close()) {
      losses.close();
    }
  }
}
