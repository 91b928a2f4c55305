package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.Objective;
import io.github.p3o.internal.PolicyLearner;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.internal.ResponseObjective;
import io.github.p3o.internal.TokenObjective;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Aligns a policy with a reward by a pairwise objective: prompts → pairs of responses → rewards →
 * reference log-probabilities → several updates with importance ratios → metrics. One {@link #step}
 * is one turn of that wheel.
 *
 * <p>The reference policy is a frozen copy of the policy as it is when the trainer is built, unless
 * another is given. A trainer is confined to one thread.
 */
public final class P3OTrainer implements AutoCloseable {

  /** Log-ratios beyond this before the first update are no rounding: float32 sums stay below. */
  private static final double MAX_INITIAL_LOG_RATIO = 0.01;

  private final Policy reference;
  private final boolean ownsReference;
  private final TrainerConfig config;
  private final ImmutableList<TrainingListener> listeners;
  private final Objective objective;
  private final Rollouts rollouts;
  private final PolicyScorer referenceScorer;
  private final PolicyLearner learner;
  private final AdamW optimizer;
  private long step;

  private P3OTrainer(Builder builder) {
    PromptSource prompts = require("prompts", builder.prompts);
    PairSampler sampler = require("sampler", builder.sampler);
    RewardModel rewardModel = require("rewardModel", builder.rewardModel);
    Policy policy = builder.policy;
    config = builder.config;
    listeners = ImmutableList.copyOf(builder.listeners);
    optimizer = new AdamW(policy.parameters(), config.optimizer());
    ownsReference = builder.reference == null;
    reference = builder.reference == null ? policy.frozenCopy() : builder.reference;
    int k = config.responsesPerPrompt();
    int groupsAtOnce = config.promptsPerMicroBatch();
    referenceScorer = new PolicyScorer(reference, k * groupsAtOnce);
    objective = builder.objective.apply(config);
    config.rewardShaping().checkFor(objective.name(), objective.rewardView());
    rollouts = new Rollouts(prompts, sampler, rewardModel, referenceScorer, objective, config);
    learner = new PolicyLearner(policy, objective, k, groupsAtOnce);
  }

  private static <T> T require(String name, @Nullable T value) {
    checkArgument(value != null, "%s: expected to be set, got none", name);
    return value;
  }

  /**
   * A builder for a policy and an objective.
   *
   * @param policy is trained in place, and stays the caller's to close
   * @param loss the objective, such as {@code P3OLoss.v2()}
   * @return a new builder
   */
  public static Builder builder(Policy policy, PolicyLoss loss) {
    return new Builder(
        policy, config -> new ResponseObjective(policy, loss, config.responsesPerPrompt()));
  }

  /**
   * A builder for a policy with values and an objective on tokens. Its ratios are to the policy as
   * it is when the rollout is drawn, so that responses of another sampler are not corrected for.
   *
   * @param policy is trained in place, and stays the caller's to close
   * @param loss the objective, such as {@code new TokenPpoLoss()}
   * @return a new builder
   */
  public static Builder builder(ActorCritic policy, ActorCriticLoss loss) {
    return new Builder(
        policy,
        config ->
            new TokenObjective(
                policy, loss, config.responsesPerPrompt() * config.promptsPerMicroBatch()));
  }

  /**
   * One turn: a rollout, and several updates on it. A turn that fails is not counted: the next call
   * draws the same prompts again.
   *
   * @return what was measured
   * @throws NonFiniteException if a reward, log-probability or gradient is not finite; the
   *     parameters are then as before the update that met it
   * @throws IllegalStateException if the policy gives other log-probabilities than the sampler, see
   *     {@link TrainerConfig.RatioCheck}
   */
  @CanIgnoreReturnValue
  public StepMetrics step() {
    RandomGenerator random = RandomStreams.forStep(config.seed(), step);
    MetricsCollector metrics = new MetricsCollector();
    Rollouts.Drawn rollout = rollouts.draw(step, random, metrics);
    listeners.forEach(listener -> listener.onRollout(step, rollout.scored()));
    metrics.addRollout(rollout);
    metrics.time("timing_s/update", () -> update(rollout.shaped(), random, metrics));
    StepMetrics measured = new StepMetrics(step, metrics.values());
    rollouts.shapingState(rollout.state());
    step++;
    listeners.forEach(listener -> listener.onStep(measured));
    return measured;
  }

  /**
   * Takes steps.
   *
   * @param steps how many, ≥ 0
   * @throws IllegalArgumentException if negative
   */
  public void train(int steps) {
    checkArgument(steps >= 0, "steps: expected at least 0, got %s", steps);
    for (int i = 0; i < steps; i++) {
      step();
    }
  }

  /**
   * Samples, scores and wraps up the pairs of one step, and updates nothing: for hosts that loop
   * over {@link #gradients} and {@link #apply} themselves. The same seed, step and policy give the
   * same pairs. The running statistics of {@link RewardShaping} count each call.
   *
   * @param step from 0; it chooses the random numbers and numbers the pairs
   * @return the pairs, with behaviour and reference log-probabilities, shaped rewards, and what
   *     else the objective fixes for its updates
   * @throws NonFiniteException if a reward or log-probability is not finite
   */
  public PairwiseBatch rollout(long step) {
    Rollouts.Drawn rollout =
        rollouts.draw(step, RandomStreams.forStep(config.seed(), step), new MetricsCollector());
    rollouts.shapingState(rollout.state());
    return rollout.shaped();
  }

  /**
   * The running statistics of {@link TrainerConfig#rewardShaping}: a part of a checkpoint.
   *
   * @return after all steps so far
   */
  public RewardShapingState rewardShapingState() {
    return rollouts.shapingState();
  }

  /**
   * Goes on with running statistics of another run.
   *
   * @param state of {@link #rewardShapingState}
   */
  public void restoreRewardShapingState(RewardShapingState state) {
    rollouts.shapingState(state);
  }

  private void update(PairwiseBatch rollout, RandomGenerator random, MetricsCollector metrics) {
    boolean atOldPolicy = true;
    for (int epoch = 0; epoch < config.epochsPerStep(); epoch++) {
      int[] order = RandomStreams.permutation(rollout.groups(), random);
      for (int from = 0; from < order.length; from += config.promptsPerUpdate()) {
        int to = Math.min(from + config.promptsPerUpdate(), order.length);
        PairwiseBatch batch =
            rollout.select(IntStream.range(from, to).map(i -> order[i]).toArray());
        try (Gradients gradients = gradients(batch)) {
          if (atOldPolicy) {
            checkRatios(batch, gradients);
            atOldPolicy = false;
          }
          metrics.addUpdate(batch, gradients, optimizer.learningRate(), apply(gradients));
        }
      }
    }
  }

  private void checkRatios(PairwiseBatch batch, Gradients gradients) {
    if (config.ratioCheck() == TrainerConfig.RatioCheck.OFF) {
      return;
    }
    for (int i = 0; i < batch.responsesPerPrompt(); i++) {
      for (int g = 0; g < batch.groups(); g++) {
        double now = gradients.logProbs().get(i, g);
        double old = batch.oldLogProbs().get(i, g);
        if (Math.abs(now - old) > MAX_INITIAL_LOG_RATIO) {
          throw new IllegalStateException(
              String.format(
                  "sampler: expected the log-probability of the policy, %.6f, for response %d of"
                      + " pair %d, got %.6f; do sampling and scoring use the same temperature and"
                      + " truncation? Set ratioCheck OFF for responses of another policy",
                  now, i, batch.ids().get(g), old));
        }
      }
    }
  }

  /**
   * The gradient of the mean loss over a batch. Nothing is changed.
   *
   * @param batch pairs with prompts and responses
   * @return the gradient; the caller closes it
   * @throws IllegalArgumentException for a batch of numbers only, or of another k
   * @throws NonFiniteException if the loss or a log-probability is not finite
   */
  public Gradients gradients(PairwiseBatch batch) {
    return learner.gradients(batch);
  }

  /**
   * Clips a gradient, takes one optimiser step with it, and closes it.
   *
   * @param gradients of this trainer, or their average over several machines
   * @return the norm before clipping
   * @throws IllegalArgumentException for closed gradients, such as those of an apply before
   * @throws NonFiniteException if the norm is not finite; nothing was changed then
   */
  @CanIgnoreReturnValue
  public double apply(Gradients gradients) {
    try (gradients) {
      return optimizer.update(gradients.vector());
    }
  }

  /** Frees native memory; the policy, and a reference that was given, stay the caller's. */
  @Override
  public void close() {
    learner.close();
    objective.close();
    referenceScorer.close();
    optimizer.close();
    if (ownsReference) {
      reference.close();
    }
  }

  /** Collects what a {@link P3OTrainer} needs. */
  public static final class Builder {
    private final Policy policy;
    private final Function<TrainerConfig, Objective> objective;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private TrainerConfig config = TrainerConfig.builder().build();
    private @Nullable PromptSource prompts;
    private @Nullable PairSampler sampler;
    private @Nullable RewardModel rewardModel;
    private @Nullable Policy reference;

    private Builder(Policy policy, Function<TrainerConfig, Objective> objective) {
      this.policy = policy;
      this.objective = objective;
      if (policy instanceof PairSampler ownSampler) {
        sampler = ownSampler;
      }
    }

    /**
     * Sets where prompts come from.
     *
     * @param prompts the source
     * @return this
     */
    public Builder prompts(PromptSource prompts) {
      this.prompts = prompts;
      return this;
    }

    /**
     * Sets who draws the responses; a policy that is a sampler draws its own by default.
     *
     * @param sampler samples from the policy that is trained
     * @return this
     */
    public Builder sampler(PairSampler sampler) {
      this.sampler = sampler;
      return this;
    }

    /**
     * Sets who scores the responses.
     *
     * @param rewardModel higher is better
     * @return this
     */
    public Builder rewardModel(RewardModel rewardModel) {
      this.rewardModel = rewardModel;
      return this;
    }

    /**
     * Sets the reference policy; by default the policy as it is at {@link #build}.
     *
     * @param reference a frozen policy, the caller's to close
     * @return this
     */
    public Builder reference(Policy reference) {
      this.reference = reference;
      return this;
    }

    /**
     * Sets the configuration.
     *
     * @param config see {@link TrainerConfig#builder}
     * @return this
     */
    public Builder config(TrainerConfig config) {
      this.config = config;
      return this;
    }

    /**
     * Adds a listener.
     *
     * @param listener is called on the trainer's thread
     * @return this
     */
    public Builder listener(TrainingListener listener) {
      listeners.add(listener);
      return this;
    }

    /**
     * The trainer.
     *
     * @return a trainer at step 0; the caller closes it
     * @throws IllegalArgumentException if prompts, sampler or reward model are missing, or for a
     *     {@link RewardShaping} that would break the invariance of the objective and is not allowed
     *     to
     */
    public P3OTrainer build() {
      return new P3OTrainer(this);
    }
  }
}
