package io.github.p3o.loss;

import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;

/**
 * The objectives of one pair in plain Java, to check the graphs by. Nothing is shared with them:
 * clipping is written as it was published with the paper, as the greater of two negated branches,
 * and gradients are those of the branch that is active, written out by hand.
 */
interface PairReference {

  /** Everything that is known of one pair. */
  record Pair(
      double s1, double s2, double o1, double o2, double f1, double f2, double r1, double r2) {

    double delta(KlShaping shaping) {
      boolean current = shaping.placement() == KlShaping.Placement.CURRENT;
      double kl1 = (current ? s1 : o1) - f1;
      double kl2 = (current ? s2 : o2) - f2;
      return r1 - r2 - shaping.coefficient() * (kl1 - kl2);
    }

    double rho1() {
      return Math.exp(s1 - o1);
    }

    double rho2() {
      return Math.exp(s2 - o2);
    }
  }

  /**
   * The loss of one pair and its derivatives.
   *
   * @param value the loss, minimised
   * @param by1 ∂loss/∂s₁
   * @param by2 ∂loss/∂s₂
   */
  record Outcome(double value, double by1, double by2) {

    Outcome plus(Outcome other) {
      return new Outcome(value + other.value, by1 + other.by1, by2 + other.by2);
    }

    Outcome times(double factor) {
      return new Outcome(factor * value, factor * by1, factor * by2);
    }
  }

  Outcome of(Pair pair);

  static double clip(double x, double low, double high) {
    return Math.min(Math.max(x, low), high);
  }

  /** P3O-V1, separate clipping. */
  static PairReference v1(double epsilon, double c, KlShaping shaping) {
    return p -> {
      double delta = p.delta(shaping);
      double first = delta * clip(p.rho2(), 1 / c, c);
      double second = -delta * clip(p.rho1(), 1 / c, c);
      Outcome one = separate(first, p.rho1(), epsilon);
      Outcome two = separate(second, p.rho2(), epsilon);
      return new Outcome(one.value + two.value, one.by1, two.by1).times(0.5);
    };
  }

  /** max(−A ρ, −A clip(ρ)) and its derivative by ln ρ. */
  private static Outcome separate(double advantage, double rho, double epsilon) {
    double unclipped = -advantage * rho;
    double clipped = -advantage * clip(rho, 1 - epsilon, 1 + epsilon);
    return clipped > unclipped
        ? new Outcome(clipped, 0, 0)
        : new Outcome(unclipped, -advantage * rho, 0);
  }

  /** P3O-V2, joint clipping. */
  static PairReference v2(double epsilon, double c, KlShaping shaping) {
    return p -> {
      double advantage = p.delta(shaping) * clip(p.rho1() * p.rho2(), 1 / c, c);
      double d = p.s1 - p.s2;
      double d0 = p.o1 - p.o2;
      double unclipped = -advantage * d;
      double clipped = -advantage * clip(d, d0 - epsilon, d0 + epsilon);
      return clipped > unclipped
          ? new Outcome(clipped / 2, 0, 0)
          : new Outcome(unclipped / 2, -advantage / 2, advantage / 2);
    };
  }

  /** The pairwise policy gradient; weighed by ρ₁ρ₂ if {@code sampled}. */
  static PairReference ppg(PairwisePolicyGradientLoss.Correction correction, KlShaping shaping) {
    boolean sampled = correction == PairwisePolicyGradientLoss.Correction.IMPORTANCE_SAMPLING;
    return p -> {
      double weight = p.delta(shaping) * (sampled ? p.rho1() * p.rho2() : 1);
      return new Outcome(-weight * (p.s1 - p.s2) / 2, -weight / 2, weight / 2);
    };
  }

  /** DPO: the winner first, a tie constant. */
  static PairReference dpo(double beta) {
    return p -> {
      if (p.r1 == p.r2) {
        return new Outcome(Math.log(2), 0, 0);
      }
      boolean firstWins = p.r1 > p.r2;
      double lead = beta * ((p.s1 - p.f1) - (p.s2 - p.f2));
      double margin = firstWins ? lead : -lead;
      double slope = -beta / (1 + Math.exp(margin)); // by the winner's log-probability
      return new Outcome(
          Math.log1p(Math.exp(-margin)), firstWins ? slope : -slope, firstWins ? -slope : slope);
    };
  }

  /** The mean over all pairs of all groups, and its gradient {@code [k][groups]}. */
  default double mean(PairwiseBatch batch, LogProbs now, double[][] gradient) {
    int k = batch.responsesPerPrompt();
    double share = 2.0 / ((long) k * (k - 1) * batch.groups());
    double sum = 0;
    for (int i = 0; i < k; i++) {
      for (int j = i + 1; j < k; j++) {
        for (int g = 0; g < batch.groups(); g++) {
          Outcome outcome = of(pair(batch, now, i, j, g)).times(share);
          sum += outcome.value;
          gradient[i][g] += outcome.by1;
          gradient[j][g] += outcome.by2;
        }
      }
    }
    return sum;
  }

  private static Pair pair(PairwiseBatch batch, LogProbs now, int i, int j, int g) {
    return new Pair(
        now.get(i, g),
        now.get(j, g),
        batch.oldLogProbs().get(i, g),
        batch.oldLogProbs().get(j, g),
        batch.referenceLogProbs().get(i, g),
        batch.referenceLogProbs().get(j, g),
        batch.rewards().get(i, g),
        batch.rewards().get(j, g));
  }
}
