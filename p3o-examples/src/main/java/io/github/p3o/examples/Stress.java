package io.github.p3o.examples;

import com.google.common.base.Ascii;
import io.github.p3o.RewardModel;
import io.github.p3o.eval.RewardStress;
import java.util.function.UnaryOperator;

/** What a study does to the reward that policies are trained on; gold stays as it is. */
enum Stress {
  /** Nothing. */
  NONE("the reward as it is", stress -> stress),
  /** Noise of the size of the reward's own deviation. */
  NOISE("+ N(0, 1) of each response", stress -> stress.withNoise(1, Stress.SEED)),
  /** Longer is better. */
  LENGTH("+ 0.1 x tokens", stress -> stress.withLengthBias(0.1)),
  /** Every prompt has its own zero. */
  SHIFT("+ d(prompt), uniform in [-10, 10]", stress -> stress.withShift(10, Stress.SEED)),
  /** Good and very good look alike. */
  SATURATION("tanh(reward)", stress -> stress.withSaturation(1));

  private static final long SEED = 7;

  private final String formula;
  private final RewardStress stress;

  Stress(String formula, UnaryOperator<RewardStress> made) {
    this.formula = formula;
    this.stress = made.apply(RewardStress.none());
  }

  /** What is done, in one line. */
  String formula() {
    return formula;
  }

  /** The stressed model. */
  RewardModel apply(RewardModel rewardModel) {
    return stress.apply(rewardModel);
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
