package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.transformer.Decoding.Logits;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * Turns logits into the weights that the next token is drawn with. Its arrays serve one sequence
 * after another, in one thread.
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
   * @param sequence index of this one
   * @param prompt of this one
   * @param response so far
   * @return the sum of the weights; not a number if a logit is not a finite one, as after a
   *     training that diverged
   */
  double set(Logits all, int sequence, ImmutableIntArray prompt, int[] response) {
    all.copy(sequence, logits);
    if (config.repetitionPenalty() != 1) {
      penalise(prompt, response);
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
    double least = leastWeight();
    return least <= 0 ? sum : truncate(least);
  }

  /** Once for each token, however often it occurs. */
  private void penalise(ImmutableIntArray prompt, int[] response) {
    BitSet seen = new BitSet(logits.length);
    prompt.forEach(seen::set);
    IntStream.of(response).forEach(seen::set);
    double penalty = config.repetitionPenalty();
    seen.stream()
        .forEach(
            token ->
                logits[token] =
                    logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty);
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
