package io.github.p3o;

/**
 * A sign that a training run has gone wrong, or is about to. It is given once when the condition
 * begins, and again only after it has ended in between.
 *
 * @param kind what is wrong
 * @param step at which, from 0
 * @param value what was measured
 * @param threshold what it was compared with
 * @param message says all of it but the step in one line, for a log: the kind, what was expected
 *     and what was seen, and what may help
 */
public record HealthAlarm(Kind kind, long step, double value, double threshold, String message) {

  /** What can be wrong. */
  public enum Kind {
    /** A reward, log-probability, loss or gradient is not finite; the update was not made. */
    NON_FINITE,
    /** The policy gives other log-probabilities than the sampler before anything was updated. */
    RATIO_NOT_ONE,
    /** KL(π‖π_ref) is estimated below 0 step after step: sampling and scoring disagree. */
    NEGATIVE_KL,
    /** KL(π‖π_ref) has jumped. */
    KL_SPIKE,
    /** Almost all prompts have responses of equal reward: there is nothing to learn from. */
    NO_SIGNAL,
    /** No response has ended by itself: rewards are of fragments. */
    ALL_TRUNCATED,
    /** The policy has become almost deterministic. */
    ENTROPY_COLLAPSE,
    /** Responses are much longer, or much shorter, than at the start. */
    LENGTH_DRIFT,
    /** Most of the objective is clipped away: the updates go too far. */
    CLIP_FRACTION,
    /** Few responses carry all of the importance weight. */
    LOW_EFFECTIVE_SAMPLE,
    /** The reward that is trained on rises while the gold reward falls. */
    REWARD_HACKING
  }
}
