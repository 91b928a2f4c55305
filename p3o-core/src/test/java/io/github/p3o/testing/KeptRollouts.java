package io.github.p3o.testing;

import io.github.p3o.PairwiseBatch;
import io.github.p3o.TrainingListener;
import java.util.List;

/**
 * Keeps the rollouts of a trainer.
 *
 * @param rollouts where to, in order
 */
public record KeptRollouts(List<PairwiseBatch> rollouts) implements TrainingListener {

  @Override
  public void onRollout(long step, PairwiseBatch rollout) {
    rollouts.add(rollout);
  }
}
