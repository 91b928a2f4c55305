package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.ConfigReader;
import io.github.p3o.internal.Given;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/**
 * The settings of a {@link P3OTrainer}. The objective has its own: clip range, KL coefficient.
 *
 * @param seed every random choice follows from it
 * @param promptsPerStep prompts of one rollout, ≥ 1
 * @param responsesPerPrompt k ≥ 2
 * @param epochsPerStep how often each rollout is used, ≥ 1; after the first time the importance
 *     ratios correct for what has changed
 * @param promptsPerUpdate prompts of one mini-batch, from 1 to promptsPerStep; the last of an epoch
 *     may be smaller
 * @param promptsPerMicroBatch prompts whose gradients are computed at once, ≥ 1: bounds the memory,
 *     changes no result beyond rounding; the one setting that may be another when a run is resumed,
 *     such as after it ran out of memory
 * @param optimizer AdamW, norm clipping and schedule
 * @param ratioCheck what to do if the policy gives another log-probability than was recorded at
 *     sampling, before anything was updated
 * @param rewardShaping what is done to rewards before the objective sees them
 * @param klControl what becomes of the objective's KL coefficient over the run; the horizon of an
 *     adaptive one is above a fifth of promptsPerStep · responsesPerPrompt
 * @param maxApproximateKl the updates of a step end at a mini-batch whose {@code
 *     policy/approxkl_avg} is above this: it is not applied, nor are the rest; nats per response,
 *     &gt; 0, infinite to apply all
 * @param rolloutsAhead how many rollouts are drawn ahead of the updates, on a thread of their own,
 *     from 0 to 64; with n the policy that draws them is n steps behind, which the importance
 *     ratios correct for, and memory holds n + 1 rollouts and up to n + 1 more copies of the
 *     parameters; 0: rollouts and updates take turns
 */
public record TrainerConfig(
    long seed,
    int promptsPerStep,
    int responsesPerPrompt,
    int epochsPerStep,
    int promptsPerUpdate,
    int promptsPerMicroBatch,
    OptimizerConfig optimizer,
    RatioCheck ratioCheck,
    RewardShaping rewardShaping,
    KlControl klControl,
    double maxApproximateKl,
    int rolloutsAhead) {

  /** More copies of the parameters than that is a mistake. */
  private static final int MAX_ROLLOUTS_AHEAD = 64;

  /** What to do if ρ ≠ 1 before the first update of a step. */
  public enum RatioCheck {
    /** Stop: sampling and scoring disagree, and every importance ratio would be wrong. */
    FAIL,
    /** Nothing: the responses come from another policy, such as a log. */
    OFF
  }

  /** Checks every value. */
  public TrainerConfig {
    Given.notNull("optimizer", "settings", optimizer);
    Given.notNull("rewardShaping", "settings", rewardShaping);
    checkAtLeast("promptsPerStep", 1, promptsPerStep);
    checkAtLeast("responsesPerPrompt", 2, responsesPerPrompt);
    checkAtLeast("epochsPerStep", 1, epochsPerStep);
    checkAtLeast("promptsPerUpdate", 1, promptsPerUpdate);
    checkAtLeast("promptsPerMicroBatch", 1, promptsPerMicroBatch);
    checkArgument(
        promptsPerMicroBatch <= Integer.MAX_VALUE / responsesPerPrompt,
        "promptsPerMicroBatch: expected at most %s, 2^31 responses at once, got %s",
        Integer.MAX_VALUE / responsesPerPrompt,
        promptsPerMicroBatch);
    checkArgument(
        promptsPerUpdate <= promptsPerStep,
        "promptsPerUpdate: expected at most promptsPerStep %s, got %s",
        promptsPerStep,
        promptsPerUpdate);
    checkArgument(
        maxApproximateKl > 0, "maxApproximateKl: expected a number > 0, got %s", maxApproximateKl);
    checkArgument(
        rolloutsAhead >= 0 && rolloutsAhead <= MAX_ROLLOUTS_AHEAD,
        "rolloutsAhead: expected 0 to %s, got %s",
        MAX_ROLLOUTS_AHEAD,
        rolloutsAhead);
    klControl.checkFor((double) promptsPerStep * responsesPerPrompt);
  }

  private static void checkAtLeast(String parameter, int least, int value) {
    checkArgument(value >= least, "%s: expected at least %s, got %s", parameter, least, value);
  }

  /**
   * Reads a file of YAML or JSON. What it does not name keeps the default of {@link #builder}.
   *
   * @param file YAML or JSON; an infinite number is written {@code Infinity}
   * @return the configuration
   * @throws IllegalArgumentException for an unknown key, which is named with the nearest known one,
   *     a value of another type or out of range
   * @throws java.io.UncheckedIOException if the file cannot be read
   */
  public static TrainerConfig read(Path file) {
    return ConfigReader.read(file, builder(), Builder.class, Builder::build);
  }

  /**
   * A builder that starts from the defaults: 64 pairs a step, each used in 4 updates, learning rate
   * 1e-4, seed 0.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * A builder that starts from a file of YAML or JSON, for settings that go over the file's. What
   * they have to do with each other is checked by {@link Builder#build}, so that a file may ask for
   * what it becomes legal with.
   *
   * @param file YAML or JSON; an infinite number is written {@code Infinity}
   * @param defaults what the file does not name keeps its value here; stays as it is
   * @return a new builder
   * @throws IllegalArgumentException for an unknown key, which is named with the nearest known one,
   *     or a value of another type
   * @throws java.io.UncheckedIOException if the file cannot be read
   */
  public static Builder builder(Path file, Builder defaults) {
    return ConfigReader.read(file, defaults, Builder.class);
  }

  /** Collects the settings of a {@link TrainerConfig}. */
  public static final class Builder {
    private long seed;
    private int promptsPerStep = 64;
    private int responsesPerPrompt = 2;
    private int epochsPerStep = 4;
    private int promptsPerUpdate; // 0: all of the step
    private int promptsPerMicroBatch = 64;
    private OptimizerConfig optimizer = OptimizerConfig.adamW(1e-4);
    private RatioCheck ratioCheck = RatioCheck.FAIL;
    private RewardShaping rewardShaping = RewardShaping.NONE;
    private KlControl klControl = KlControl.fixed();
    private double maxApproximateKl = Double.POSITIVE_INFINITY;
    private int rolloutsAhead;

    private Builder() {}

    /**
     * Sets the seed.
     *
     * @param seed any number
     * @return this
     */
    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * Sets the prompts of one rollout.
     *
     * @param promptsPerStep ≥ 1
     * @return this
     */
    public Builder promptsPerStep(int promptsPerStep) {
      this.promptsPerStep = promptsPerStep;
      return this;
    }

    /**
     * Sets k.
     *
     * @param responsesPerPrompt ≥ 2
     * @return this
     */
    public Builder responsesPerPrompt(int responsesPerPrompt) {
      this.responsesPerPrompt = responsesPerPrompt;
      return this;
    }

    /**
     * Sets how often each rollout is used.
     *
     * @param epochsPerStep ≥ 1
     * @return this
     */
    public Builder epochsPerStep(int epochsPerStep) {
      this.epochsPerStep = epochsPerStep;
      return this;
    }

    /**
     * Sets the prompts of one mini-batch.
     *
     * @param promptsPerUpdate from 1 to promptsPerStep; 0, the default, for all of the rollout
     * @return this
     */
    public Builder promptsPerUpdate(int promptsPerUpdate) {
      this.promptsPerUpdate = promptsPerUpdate;
      return this;
    }

    /**
     * Sets the prompts whose gradients are computed at once.
     *
     * @param promptsPerMicroBatch ≥ 1
     * @return this
     */
    public Builder promptsPerMicroBatch(int promptsPerMicroBatch) {
      this.promptsPerMicroBatch = promptsPerMicroBatch;
      return this;
    }

    /**
     * Sets the optimiser.
     *
     * @param optimizer AdamW, norm clipping and schedule
     * @return this
     */
    public Builder optimizer(OptimizerConfig optimizer) {
      this.optimizer = optimizer;
      return this;
    }

    /**
     * Changes the optimiser.
     *
     * @param change of the optimiser so far, such as {@code it -> it.withWeightDecay(0.01)}
     * @return this
     */
    public Builder optimizer(UnaryOperator<OptimizerConfig> change) {
      return optimizer(change.apply(optimizer));
    }

    /**
     * Sets what to do if sampling and scoring disagree.
     *
     * @param ratioCheck FAIL, or OFF for responses of another policy
     * @return this
     */
    public Builder ratioCheck(RatioCheck ratioCheck) {
      this.ratioCheck = ratioCheck;
      return this;
    }

    /**
     * Sets what is done to rewards before the objective sees them.
     *
     * @param rewardShaping by default nothing
     * @return this
     */
    public Builder rewardShaping(RewardShaping rewardShaping) {
      this.rewardShaping = rewardShaping;
      return this;
    }

    /**
     * Sets what becomes of the KL coefficient.
     *
     * @param klControl fixed, or adaptive to a target with a horizon above a fifth of the responses
     *     of a step
     * @return this
     */
    public Builder klControl(KlControl klControl) {
      this.klControl = klControl;
      return this;
    }

    /**
     * Sets how far the updates of one step may go.
     *
     * @param maxApproximateKl nats per response, &gt; 0; infinite, the default, for no bound
     * @return this
     */
    public Builder maxApproximateKl(double maxApproximateKl) {
      this.maxApproximateKl = maxApproximateKl;
      return this;
    }

    /**
     * Sets whether rollouts are drawn beside the updates.
     *
     * @param rolloutsAhead from 0, the default, to 64: how many steps the policy that draws is
     *     behind the one that is updated
     * @return this
     */
    public Builder rolloutsAhead(int rolloutsAhead) {
      this.rolloutsAhead = rolloutsAhead;
      return this;
    }

    /**
     * The configuration.
     *
     * @return an immutable value
     * @throws IllegalArgumentException if a value is out of range
     */
    public TrainerConfig build() {
      return new TrainerConfig(
          seed,
          promptsPerStep,
          responsesPerPrompt,
          epochsPerStep,
          promptsPerUpdate == 0 ? promptsPerStep : promptsPerUpdate,
          promptsPerMicroBatch,
          optimizer,
          ratioCheck,
          rewardShaping,
          klControl,
          maxApproximateKl,
          rolloutsAhead);
    }
  }
}
