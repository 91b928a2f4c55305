package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Objective;

/** Pairs with their rewards → shaped rewards → what the objective fixes. */
final class Rollouts {

  /**
   * The pairs of one step.
   *
   * @param scored with the rewards as the reward model gave them
   * @param shaped with the rewards as the objective shall see them, and what it fixes
   * @param state of the shaping, with these pairs counted
   * @param shaping what it did, by metric name
   */
  record Drawn(
      PairwiseBatch scored,
      PairwiseBatch shaped,
      RewardShapingState state,
      ImmutableMap<String, Double> shaping) {}

  private final Objective objective;
  private final RewardShaper shaper;
  private RewardShapingState shapingState = RewardShapingState.START;

  Rollouts(Objective objective, RewardShaping shaping) {
    this.objective = objective;
    this.shaper = new RewardShaper(shaping, objective.rewardView());
  }

  RewardShapingState shapingState() {
    return shapingState;
  }

  void shapingState(RewardShapingState state) {
    shapingState = state;
  }

  /** The running statistics as a part of checkpoints. */
  Stateful shaping() {
    return new Stateful() {
      @Override
      public String state() {
        return shapingState.toText();
      }

      @Override
      public void restore(String state) {
        shapingState = RewardShapingState.ofText(state);
      }
    };
  }

  /** Shapes the rewards of one step; {@link #shapingState(RewardShapingState)} counts them. */
  Drawn prepare(RolloutSource.Scored rollout, double klScale) {
    PairwiseBatch scored = rollout.batch();
    RewardShaper.Shaped shaped = shaper.shape(scored.rewards(), scored.responses(), shapingState);
    PairwiseBatch prepared =
        objective.prepare(scored.withRewards(shaped.rewards()), rollout.references(), klScale);
    return new Drawn(scored, prepared, shaped.state(), shaped.metrics());
  }
}
