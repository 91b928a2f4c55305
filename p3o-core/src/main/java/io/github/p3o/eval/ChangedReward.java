package io.github.p3o.eval;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Stateful;
import io.github.p3o.internal.Scoring;

/** A reward model whose rewards are changed, each for itself. */
class ChangedReward implements RewardModel {

  /** Changes one reward. */
  @FunctionalInterface
  interface Change {
    double of(double reward, Prompt prompt, Response response);
  }

  private final RewardModel before;
  private final Change change;

  private ChangedReward(RewardModel before, Change change) {
    this.before = before;
    this.change = change;
  }

  /** What the model remembers stays part of checkpoints. */
  static RewardModel of(RewardModel before, Change change) {
    return before instanceof Stateful stateful
        ? new Remembering(before, stateful, change)
        : new ChangedReward(before, change);
  }

  @Override
  public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    double[] rewards = Scoring.rewards(before, prompts, responses).clone();
    for (int i = 0; i < rewards.length; i++) {
      rewards[i] = change.of(rewards[i], prompts.get(i), responses.get(i));
    }
    return rewards;
  }

  /** Of a model that remembers something. */
  private static final class Remembering extends ChangedReward implements Stateful {

    private final Stateful stateful;

    Remembering(RewardModel before, Stateful stateful, Change change) {
      super(before, change);
      this.stateful = stateful;
    }

    @Override
    public String state() {
      return stateful.state();
    }

    @Override
    public void restore(String state) {
      stateful.restore(state);
    }
  }
}
