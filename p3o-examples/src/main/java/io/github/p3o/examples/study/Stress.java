package io.github.p3o.examples.study;

import com.google.common.base.Ascii;
import io.github.p3o.RewardModel;
import io.github.p3o.eval.RewardStress;

/** What a study does to the reward that policies are trained on; gold stays as it is. */
enum Stress {
  /** Nothing. */
  NONE("as it is"),
  /** Errors as large as what the reward says. */
  NOISE("+ N(0, 1) of each response"),
  /** Longer is better. */
  LENGTH("+ 0.1 x tokens"),
  /** Every prompt has its own zero. */
  SHIFT("+ d(prompt), uniform in [-10, 10]"),
  /** Good and very good look alike. */
  SATURATION("tanh(reward)");

  private static final long SEED = 7;

  private final String formula;

  Stress(String formula) {
    this.formula = formula;
  }

  /** What is done, in one line. */
  String formula() {
    return formula;
  }

  /** The stressed model. */
  RewardModel apply(RewardModel rewardModel) {
    RewardStress plain = RewardStress.none();
    RewardStress stress =
        switch (this) {
          case NONE -> plain;
          case NOISE -> plain.withNoise(1, SEED);
          case LENGTH -> plain.withLengthBias(0.1);
          case SHIFT -> plain.withShift(10, SEED);
          case SATURATION -> plain.withSaturation(1);
        };
    return stress.apply(rewardModel);
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
