package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.Sets;
import io.github.p3o.internal.Given;
import java.util.EnumSet;
import java.util.Set;

/**
 * What is done to rewards between the reward model and the objective, in this order: the penalty of
 * a missing end, centering, scaling (running or within the prompt), the bound. The KL term comes
 * after it, in the objective. Metrics of scores stay those of the rewards as they were given.
 *
 * <p>Some settings let a shift of the reward by δ(prompt) change what an objective on differences
 * learns: {@link #breaking}. A trainer refuses them under such an objective unless they are allowed
 * by name, and reports them.
 *
 * @param scale what all rewards are divided by
 * @param perPrompt what is done within the k responses to each prompt
 * @param missingEndPenalty is subtracted from the reward of a response that was cut at the length
 *     limit, ≥ 0; looks at the response alone
 * @param centering what is subtracted from all rewards
 * @param clip rewards are kept within ± this, last of all, &gt; 0; infinite to bound nothing
 * @param allowBreakingInvariance what is used though it breaks the invariance
 */
public record RewardShaping(
    Scale scale,
    PerPrompt perPrompt,
    double missingEndPenalty,
    Centering centering,
    double clip,
    Set<Breaking> allowBreakingInvariance) {

  /** What all rewards are divided by. */
  public enum Scale {
    /** Nothing. */
    NONE,
    /**
     * The running deviation of rewards within their prompts: the root of the mean, over all prompts
     * so far, of the variance of the responses' rewards. It is made of differences within prompts,
     * so that no shift by δ(prompt) reaches it.
     */
    PAIR_DEVIATION,
    /**
     * The running deviation of all rewards so far, over all prompts: sees a shift that differs
     * between prompts.
     */
    REWARD_DEVIATION
  }

  /** What is done within the k responses to each prompt. */
  public enum PerPrompt {
    /** Nothing. */
    NONE,
    /** Division by the prompt's own deviation; of two responses it leaves their order alone. */
    DEVIATION,
    /** Subtraction of the prompt's mean, then division by its deviation. */
    MEAN_AND_DEVIATION
  }

  /** What is subtracted from all rewards. */
  public enum Centering {
    /** Nothing. */
    NONE,
    /** The running mean of all rewards so far: sees a shift that differs between prompts. */
    RUNNING_MEAN
  }

  /** Settings that let a shift of the reward by δ(prompt) through. */
  public enum Breaking {
    /** {@link Scale#REWARD_DEVIATION}. */
    REWARD_DEVIATION,
    /** {@link Centering#RUNNING_MEAN}. */
    RUNNING_MEAN,
    /** A finite {@link RewardShaping#clip}. */
    CLIP
  }

  /** Rewards as they are. */
  public static final RewardShaping NONE =
      new RewardShaping(
          Scale.NONE,
          PerPrompt.NONE,
          0,
          Centering.NONE,
          Double.POSITIVE_INFINITY,
          EnumSet.noneOf(Breaking.class));

  /** Checks every value and that no setting undoes another. */
  public RewardShaping {
    Given.notNull("scale", "one", scale);
    Given.notNull("perPrompt", "one", perPrompt);
    Given.notNull("centering", "one", centering);
    Given.notNull("allowBreakingInvariance", "a set", allowBreakingInvariance);
    checkArgument(
        missingEndPenalty >= 0 && Double.isFinite(missingEndPenalty),
        "missingEndPenalty: expected a finite number >= 0, got %s",
        missingEndPenalty);
    checkArgument(clip > 0, "clip: expected a number > 0, got %s", clip);
    checkArgument(
        perPrompt == PerPrompt.NONE || scale == Scale.NONE,
        "scale: expected NONE with perPrompt %s, which divides by another deviation, got %s",
        perPrompt,
        scale);
    checkArgument(
        perPrompt != PerPrompt.MEAN_AND_DEVIATION || centering == Centering.NONE,
        "centering: expected NONE with perPrompt %s, which subtracts another mean, got %s",
        perPrompt,
        centering);
    allowBreakingInvariance = Sets.immutableEnumSet(allowBreakingInvariance);
  }

  /**
   * The same with another scale.
   *
   * @param scale what all rewards are divided by
   * @return the shaping
   */
  public RewardShaping withScale(Scale scale) {
    return new RewardShaping(
        scale, perPrompt, missingEndPenalty, centering, clip, allowBreakingInvariance);
  }

  /**
   * The same with another normalisation within prompts.
   *
   * @param perPrompt what is done within the k responses to each prompt
   * @return the shaping
   */
  public RewardShaping withPerPrompt(PerPrompt perPrompt) {
    return new RewardShaping(
        scale, perPrompt, missingEndPenalty, centering, clip, allowBreakingInvariance);
  }

  /**
   * The same with another penalty.
   *
   * @param missingEndPenalty ≥ 0, in the unit of the reward
   * @return the shaping
   */
  public RewardShaping withMissingEndPenalty(double missingEndPenalty) {
    return new RewardShaping(
        scale, perPrompt, missingEndPenalty, centering, clip, allowBreakingInvariance);
  }

  /**
   * The same with another centering.
   *
   * @param centering what is subtracted from all rewards
   * @return the shaping
   */
  public RewardShaping withCentering(Centering centering) {
    return new RewardShaping(
        scale, perPrompt, missingEndPenalty, centering, clip, allowBreakingInvariance);
  }

  /**
   * The same with another bound.
   *
   * @param clip &gt; 0; infinite to bound nothing
   * @return the shaping
   */
  public RewardShaping withClip(double clip) {
    return new RewardShaping(
        scale, perPrompt, missingEndPenalty, centering, clip, allowBreakingInvariance);
  }

  /**
   * The same with permission to break the invariance of the objective.
   *
   * @param allowed by name
   * @return the shaping
   */
  public RewardShaping allowing(Breaking... allowed) {
    return withAllowed(Set.of(allowed));
  }

  /**
   * The settings in use that let a shift of the reward by δ(prompt) through.
   *
   * @return none for a shaping that is invariant
   */
  public Set<Breaking> breaking() {
    EnumSet<Breaking> used = EnumSet.noneOf(Breaking.class);
    if (scale == Scale.REWARD_DEVIATION) {
      used.add(Breaking.REWARD_DEVIATION);
    }
    if (centering == Centering.RUNNING_MEAN) {
      used.add(Breaking.RUNNING_MEAN);
    }
    if (Double.isFinite(clip)) {
      used.add(Breaking.CLIP);
    }
    return Sets.immutableEnumSet(used);
  }

  /** Whether rewards stay as they are. */
  boolean changesNothing() {
    return withAllowed(Set.of()).equals(NONE);
  }

  private RewardShaping withAllowed(Set<Breaking> allowed) {
    return new RewardShaping(scale, perPrompt, missingEndPenalty, centering, clip, allowed);
  }

  /** Refuses what would break the invariance of an objective and is not allowed to. */
  void checkFor(String objective, PolicyLoss.RewardView view) {
    if (view == PolicyLoss.RewardView.VALUES) {
      return; // sees the shift anyway
    }
    Set<Breaking> refused = Sets.difference(breaking(), allowBreakingInvariance);
    checkArgument(
        refused.isEmpty(),
        "rewardShaping: expected nothing that lets a shift of the reward by prompt change %s, got"
            + " %s; to have it all the same, name it in allowBreakingInvariance",
        objective,
        refused);
  }
}
