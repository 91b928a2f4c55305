package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.Samples;

/** Makes pairs of what was sampled, on whichever machine that was. */
public final class Scoring {

  private Scoring() {}

  /**
   * The rewards of responses.
   *
   * @param ids of the prompts {@code [groups]}
   * @return row-major {@code [k, groups]}
   * @throws IllegalArgumentException for another number of rewards
   * @throws io.github.p3o.NonFiniteException names the pair
   */
  public static double[] rewards(RewardModel rewardModel, ImmutableLongArray ids, Samples samples) {
    double[] rewards = rewards(rewardModel, samples.promptOfEach(), samples.responses());
    Finite.check("reward", rewards, ids);
    return rewards;
  }

  /**
   * The rewards of responses, which need not be finite.
   *
   * @throws IllegalArgumentException for null, or another number of rewards
   */
  public static double[] rewards(
      RewardModel rewardModel, ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    double[] rewards =
        Given.notNull("rewardModel", "rewards", rewardModel.score(prompts, responses));
    checkArgument(
        rewards.length == responses.size(),
        "rewardModel: expected %s rewards, one for each response, got %s",
        responses.size(),
        rewards.length);
    return rewards;
  }

  /**
   * The batch.
   *
   * @param ids of the prompts {@code [groups]}
   * @param references log π_ref of the responses, row-major {@code [k, groups]}
   * @param rewards likewise
   * @throws io.github.p3o.NonFiniteException names the pair
   */
  public static PairwiseBatch batch(
      ImmutableLongArray ids, Samples samples, double[] references, double[] rewards) {
    Finite.check("reference log-probability", references, ids);
    int k = samples.behaviour().responses();
    return new PairwiseBatch(
        ids,
        samples.prompts(),
        samples.responses(),
        samples.behaviour(),
        LogProbs.ofFlat(k, references),
        Rewards.ofFlat(k, rewards));
  }
}
