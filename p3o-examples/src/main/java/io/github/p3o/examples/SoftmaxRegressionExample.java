package io.github.p3o.examples;

import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Rewards;
import io.github.p3o.loss.P3OLoss;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Aligns a policy that knows nothing of SameDiff: a softmax regression in plain Java, which offers
 * one of three dishes to a guest with two features. The library gives the gradient of P3O-V2 with
 * respect to the log-probabilities; the chain rule behind them is the host's.
 */
final class SoftmaxRegressionExample {

  private static final int FEATURES = 2;
  private static final int CHOICES = 3;
  private static final int PAIRS = 64;
  private static final int UPDATES = 4;
  private static final double LEARNING_RATE = 2;

  private final double[][] weights = new double[CHOICES][FEATURES];
  private final SplittableRandom random;

  SoftmaxRegressionExample(long seed) {
    random = new SplittableRandom(seed);
  }

  /** Prints how the mean reward rises. */
  public static void main(String[] arguments) {
    SoftmaxRegressionExample policy = new SoftmaxRegressionExample(1);
    try (LossEvaluator p3o = new LossEvaluator(P3OLoss.v2())) {
      for (int step = 0; step < 30; step++) {
        System.out.printf(Locale.ROOT, "step %2d  reward %.3f%n", step, policy.step(p3o));
      }
    }
  }

  /** One rollout and some updates; the mean reward of the rollout. */
  double step(LossEvaluator p3o) {
    double[][] guests = new double[PAIRS][];
    int[][] dishes = new int[2][PAIRS];
    double[][] old = new double[2][PAIRS];
    double[][] reference = new double[2][PAIRS];
    double[][] rewards = new double[2][PAIRS];
    double sum = 0;
    for (int p = 0; p < PAIRS; p++) {
      guests[p] = new double[] {random.nextDouble(-1, 1), random.nextDouble(-1, 1)};
      double[] probabilities = probabilities(guests[p]);
      for (int i = 0; i < 2; i++) {
        dishes[i][p] = draw(probabilities);
        old[i][p] = Math.log(probabilities[dishes[i][p]]);
        reference[i][p] = -Math.log(CHOICES); // the policy began uniform
        rewards[i][p] = reward(guests[p], dishes[i][p]);
        sum += rewards[i][p];
      }
    }
    PairwiseBatch batch =
        PairwiseBatch.ofNumbers(LogProbs.of(old), LogProbs.of(reference), Rewards.of(rewards));
    for (int update = 0; update < UPDATES; update++) {
      Evaluation evaluation = p3o.evaluate(batch, LogProbs.of(logProbs(guests, dishes)));
      descend(guests, dishes, evaluation.gradient());
    }
    return sum / (2 * PAIRS);
  }

  /** What the guest likes: soup if the first feature is high, fish if the second is, else bread. */
  private static double reward(double[] guest, int dish) {
    int liked = guest[0] > 0.3 ? 0 : guest[1] > 0 ? 1 : 2;
    return dish == liked ? 1 : 0;
  }

  double[] probabilities(double[] guest) {
    double[] probabilities = new double[CHOICES];
    double sum = 0;
    for (int c = 0; c < CHOICES; c++) {
      probabilities[c] = Math.exp(weights[c][0] * guest[0] + weights[c][1] * guest[1]);
      sum += probabilities[c];
    }
    for (int c = 0; c < CHOICES; c++) {
      probabilities[c] /= sum;
    }
    return probabilities;
  }

  private int draw(double[] probabilities) {
    double u = random.nextDouble();
    return u < probabilities[0] ? 0 : u < probabilities[0] + probabilities[1] ? 1 : 2;
  }

  private double[][] logProbs(double[][] guests, int[][] dishes) {
    double[][] logProbs = new double[2][PAIRS];
    for (int i = 0; i < 2; i++) {
      for (int p = 0; p < PAIRS; p++) {
        logProbs[i][p] = Math.log(probabilities(guests[p])[dishes[i][p]]);
      }
    }
    return logProbs;
  }

  /** ∂ log π(y|x) / ∂ weights[c] = ([c = y] − π(c|x)) x. */
  private void descend(double[][] guests, int[][] dishes, double[][] gradient) {
    double[][] ofWeights = new double[CHOICES][FEATURES];
    for (int i = 0; i < 2; i++) {
      for (int p = 0; p < PAIRS; p++) {
        double[] probabilities = probabilities(guests[p]);
        for (int c = 0; c < CHOICES; c++) {
          double ofLogit = gradient[i][p] * ((c == dishes[i][p] ? 1 : 0) - probabilities[c]);
          for (int f = 0; f < FEATURES; f++) {
            ofWeights[c][f] += ofLogit * guests[p][f];
          }
        }
      }
    }
    for (int c = 0; c < CHOICES; c++) {
      for (int f = 0; f < FEATURES; f++) {
        weights[c][f] -= LEARNING_RATE * ofWeights[c][f];
      }
    }
  }
}
