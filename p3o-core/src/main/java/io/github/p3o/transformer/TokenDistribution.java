package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableIntArray;
import java.util.Arrays;

/**
 * Turns logits into the weights that the next token is drawn with. One array serves all sequences.
 */
final class TokenDistribution {

  private final SamplingConfig config;
  private final double temperature;
  private final ImmutableIntArray endTokens;
  private final double[] logits;
  private final double[] weights;
  private final double[] sorted;
  private double max;

  TokenDistribution(
      SamplingConfig config, double temperature, ImmutableIntArray endTokens, int vocabularySize) {
    this.config = config;
    this.temperature = temperature;
    this.endTokens = endTokens;
    this.logits = new double[vocabularySize];
    this.weights = new double[vocabularySize];
    this.sorted = new double[config.isWhole() ? 0 : vocabularySize];
  }

  SamplingConfig config() {
    return config;
  }

  /** Whether a token ends every sequence. */
  boolean ends(int token) {
    return endTokens.contains(token);
  }

  /** Proportional to the probabilities {@code [vocabulary]}, 0 for what is not drawn. */
  double[] weights() {
    return weights;
  }

  /** The logarithm of a weight, exact where the weight itself is too small to be written. */
  double logWeight(int token) {
    return (logits[token] - max) / temperature;
  }

  /**
   * Sets the weights.
   *
   * @param all logits of several sequences
   * @param offset of the first of this one
   * @param prompt of this one
   * @param response so far
   * @return the sum of the weights
   * @throws IllegalStateException if a logit is not a number, as after a training that diverged
   */
  double set(double[] all, int offset, ImmutableIntArray prompt, int[] response) {
    System.arraycopy(all, offset, logits, 0, logits.length);
    if (config.repetitionPenalty() != 1) {
      penalise(all, offset, prompt, response);
    }
    if (response.length < config.minNewTokens()) {
      endTokens.forEach(token -> logits[token] = Double.NEGATIVE_INFINITY);
    }
    max = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.exp((logits[i] - max) / temperature);
      sum += weights[i];
    }
    if (!(sum < Double.POSITIVE_INFINITY)) {
      throw new IllegalStateException(
          "logits: expected finite ones, got a greatest of " + max + " and a sum of " + sum);
    }
    double least = leastWeight();
    return least <= 0 ? sum : truncate(least);
  }

  /** Once for each token, however often it occurs. */
  private void penalise(double[] all, int offset, ImmutableIntArray prompt, int[] response) {
    prompt.forEach(token -> penalise(all, offset, token));
    for (int token : response) {
      penalise(all, offset, token);
    }
  }

  private void penalise(double[] all, int offset, int token) {
    double logit = all[offset + token];
    double penalty = config.repetitionPenalty();
    logits[token] = logit > 0 ? logit / penalty : logit * penalty;
  }

  /** What a weight must reach; each rule reads what the one before has left. */
  private double leastWeight() {
    double least = 0;
    boolean cutsTail = config.topK() > 0 || config.topP() < 1;
    if (cutsTail) {
      System.arraycopy(weights, 0, sorted, 0, sorted.length);
      Arrays.sort(sorted); // rising
      if (config.topK() > 0 && config.topK() < sorted.length) {
        least = sorted[sorted.length - config.topK()];
      }
      if (config.topP() < 1) {
        least = Math.max(least, leastOfTopP(least));
      }
    }
    // The greatest weight is 1.
    return Math.max(least, config.minP());
  }

  private double leastOfTopP(double leastSoFar) {
    double left = 0;
    for (double weight : sorted) {
      left += weight >= leastSoFar ? weight : 0;
    }
    double reached = 0;
    for (int i = sorted.length - 1; i >= 0; i--) {
      reached += sorted[i];
      if (reached >= config.topP() * left) {
        return sorted[i];
      }
    }
    return 0;
  }

  private double truncate(double least) {
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] < least) {
        weights[i] = 0;
      }
      sum += weights[i];
    }
    return sum;
  }
}
