package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Distorts a reward model as imperfect ones are distorted, to see how far the true reward of what
 * is trained on it falls. Distortions are applied in the order in which they were added. The same
 * prompt and response always get the same reward: chance follows from seed, prompt and response, so
 * that a policy can find and exploit an error, as it can in a trained reward model.
 */
public final class RewardStress {

  private static final RewardStress NONE = new RewardStress(ImmutableList.of());

  private final ImmutableList<ChangedReward.Change> distortions;

  private RewardStress(ImmutableList<ChangedReward.Change> distortions) {
    this.distortions = distortions;
  }

  /**
   * No distortion, to add some to.
   *
   * @return rewards stay as they are
   */
  public static RewardStress none() {
    return NONE;
  }

  /**
   * Adds a normal error to the reward of each response.
   *
   * @param deviation its standard deviation, in the unit of the reward, ≥ 0
   * @param seed another seed, other errors
   * @return this and the error
   * @throws IllegalArgumentException if the deviation is negative or not finite
   */
  public RewardStress withNoise(double deviation, long seed) {
    checkArgument(
        deviation >= 0 && Double.isFinite(deviation),
        "deviation: expected a finite number >= 0, got %s",
        deviation);
    return with(
        (reward, prompt, response) ->
            reward + deviation * chance(seed, prompt, response).nextGaussian());
  }

  /**
   * Adds a reward for length.
   *
   * @param perToken reward of each response token, negative to prefer short responses
   * @return this and the bias
   * @throws IllegalArgumentException if not finite
   */
  public RewardStress withLengthBias(double perToken) {
    checkArgument(
        Double.isFinite(perToken), "perToken: expected a finite number, got %s", perToken);
    return with((reward, prompt, response) -> reward + perToken * response.length());
  }

  /**
   * Adds δ(prompt), uniform between −magnitude and magnitude, the same for all responses to a
   * prompt.
   *
   * @param magnitude greatest |δ|, ≥ 0
   * @param seed another seed, other shifts
   * @return this and the shift
   * @throws IllegalArgumentException if the magnitude is negative or not finite
   */
  public RewardStress withShift(double magnitude, long seed) {
    checkArgument(
        magnitude >= 0 && Double.isFinite(magnitude),
        "magnitude: expected a finite number >= 0, got %s",
        magnitude);
    return with(
        (reward, prompt, response) ->
            reward + magnitude * (2 * chance(seed, prompt).nextDouble() - 1));
  }

  /**
   * Replaces r by limit · tanh(r / limit): rewards level off towards ±limit.
   *
   * @param limit &gt; 0, in the unit of the reward
   * @return this and the saturation
   * @throws IllegalArgumentException unless positive and finite
   */
  public RewardStress withSaturation(double limit) {
    checkLimit(limit);
    return with((reward, prompt, response) -> limit * Math.tanh(reward / limit));
  }

  /**
   * Cuts rewards off at ±limit.
   *
   * @param limit &gt; 0, in the unit of the reward
   * @return this and the clip
   * @throws IllegalArgumentException unless positive and finite
   */
  public RewardStress withClip(double limit) {
    checkLimit(limit);
    return with((reward, prompt, response) -> Math.max(-limit, Math.min(limit, reward)));
  }

  private static void checkLimit(double limit) {
    checkArgument(
        limit > 0 && Double.isFinite(limit), "limit: expected a finite number > 0, got %s", limit);
  }

  private RewardStress with(ChangedReward.Change added) {
    return new RewardStress(
        ImmutableList.<ChangedReward.Change>builder().addAll(distortions).add(added).build());
  }

  private static RandomGenerator chance(long seed, Prompt prompt, Response... responses) {
    Hasher hasher = Hashing.murmur3_128().newHasher().putLong(seed);
    hasher.putInt(prompt.tokens().length());
    prompt.tokens().forEach(hasher::putInt);
    for (Response response : responses) {
      response.tokens().forEach(hasher::putInt);
      hasher.putBoolean(response.ended());
    }
    return new SplittableRandom(hasher.hash().asLong());
  }

  /**
   * A reward model with the distortions.
   *
   * @param rewardModel the rewards without them
   * @return gives distorted rewards, and remembers what the reward model does
   */
  public RewardModel apply(RewardModel rewardModel) {
    return ChangedReward.of(rewardModel, this::distorted);
  }

  private double distorted(double reward, Prompt prompt, Response response) {
    double distorted = reward;
    for (ChangedReward.Change distortion : distortions) {
      distorted = distortion.of(distorted, prompt, response);
    }
    return distorted;
  }

  /**
   * How far the true reward of a method's runs falls when they are trained on a distorted reward.
   *
   * @param clean mean gold reward of the runs on the reward as it is
   * @param stressed mean gold reward of the runs on the distorted one
   * @param fall clean − stressed: positive if the distortion did harm
   * @param low lower end of the fall's 95 % interval, by Student's t over the differences of the
   *     seeds; NaN for a single seed
   * @param high upper end
   */
  public record Fall(double clean, double stressed, double fall, double low, double high) {}

  /**
   * Compares runs of one method, pair by pair: a run on the reward as it is and one on the
   * distorted reward with the same seed draw the same prompts, and are the same run where the
   * distortion changes nothing.
   *
   * @param clean gold reward of each run on the reward as it is, at least one
   * @param stressed gold reward of each run on the distorted one, with the same seeds in the same
   *     order
   * @return how far it falls
   * @throws IllegalArgumentException for no runs, or not as many of one kind as of the other
   */
  public static Fall fall(double[] clean, double[] stressed) {
    checkArgument(clean.length > 0, "clean: expected at least one run, got none");
    checkArgument(
        stressed.length == clean.length,
        "stressed: expected %s runs, one for each clean one, got %s",
        clean.length,
        stressed.length);
    RunMeans falls =
        RunMeans.of(
            IntStream.range(0, clean.length).mapToDouble(i -> clean[i] - stressed[i]).toArray());
    double half = falls.halfWidth();
    return new Fall(
        RunMeans.of(clean).mean(),
        RunMeans.of(stressed).mean(),
        falls.mean(),
        falls.mean() - half,
        falls.mean() + half);
  }
}
