package io.github.p3o;

/** An objective at one point: its value, its gradient and what was measured on the way. */
public final class Evaluation {

  private final double loss;
  private final double[][] gradient;
  private final PairStatistics statistics;

  /**
   * An evaluation.
   *
   * @param loss the mean over all pairs, minimised
   * @param gradient ∂loss/∂log π_θ(y|x) {@code [k][groups]}; not copied
   * @param statistics how far the policy has moved and what was clipped
   */
  public Evaluation(double loss, double[][] gradient, PairStatistics statistics) {
    this.loss = loss;
    this.gradient = gradient;
    this.statistics = statistics;
  }

  /**
   * The mean loss over all pairs.
   *
   * @return the loss, minimised
   */
  public double loss() {
    return loss;
  }

  /**
   * The gradient of the loss with respect to the log-probabilities.
   *
   * @return ∂loss/∂log π_θ(y|x) {@code [k][groups]}; the caller's to keep
   */
  public double[][] gradient() {
    return gradient;
  }

  /**
   * The gradient prompt by prompt, as {@link LogProbs#ofPrompts} takes log-probabilities.
   *
   * @return ∂loss/∂log π_θ(y|x) {@code [groups][k]}, new arrays
   */
  public double[][] gradientOfPrompts() {
    double[][] prompts = new double[gradient[0].length][gradient.length];
    for (int g = 0; g < prompts.length; g++) {
      for (int i = 0; i < gradient.length; i++) {
        prompts[g][i] = gradient[i][g];
      }
    }
    return prompts;
  }

  /**
   * How far the policy has moved and what was clipped.
   *
   * @return the statistics
   */
  public PairStatistics statistics() {
    return statistics;
  }

  @Override
  public String toString() {
    return "loss " + loss + ", " + statistics;
  }
}
