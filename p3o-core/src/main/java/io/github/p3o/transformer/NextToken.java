package io.github.p3o.transformer;

import java.util.random.RandomGenerator;

/** Chooses the next token of one sequence. */
@FunctionalInterface
interface NextToken {

  /** The token of the greatest logit, the first where several are. */
  NextToken GREEDIEST =
      (weights, sum) -> {
        int best = 0;
        for (int i = 1; i < weights.length; i++) {
          if (weights[i] > weights[best]) {
            best = i;
          }
        }
        return best;
      };

  /**
   * Chooses.
   *
   * @param weights proportional to the probabilities {@code [vocabulary]}, ≥ 0
   * @param sum of the weights
   * @return a token of positive weight
   */
  int choose(double[] weights, double sum);

  /** Draws tokens with their probabilities. */
  static NextToken drawnWith(RandomGenerator random) {
    return (weights, sum) -> {
      double left = random.nextDouble() * sum;
      int last = 0;
      for (int i = 0; i < weights.length; i++) {
        if (weights[i] > 0) {
          last = i; // rounding may leave something at the end
          left -= weights[i];
          if (left < 0) {
            return i;
          }
        }
      }
      return last;
    };
  }
}
