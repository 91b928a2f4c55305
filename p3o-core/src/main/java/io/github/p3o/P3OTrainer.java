package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.base.Suppliers;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.HealthAlarm.Kind;
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.Fingerprint;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.HealthRules;
import io.github.p3o.internal.Objective;
import io.github.p3o.internal.OneAtATime;
import io.github.p3o.internal.OneTrainer;
import io.github.p3o.internal.Parts;
import io.github.p3o.internal.PolicyLearner;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.internal.ResponseObjective;
import io.github.p3o.internal.Settings;
import io.github.p3o.internal.TokenObjective;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Aligns a policy with a reward by a pairwise objective: prompts → pairs of responses → rewards →
 * reference log-probabilities → several updates with importance ratios → metrics. One {@link #step}
 * is one turn of that wheel.
 *
 * <p>The reference policy is a frozen copy of the policy as it is when the trainer is built, unless
 * another is given. A trainer is confined to one thread.
 */
public final class P3OTrainer implements Resumable, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(P3OTrainer.class);

  private static final String UPDATES = "updates";

  /** The setting that may change on a resume: what memory is there for. */
  private static final String MICRO_BATCH = "promptsPerMicroBatch";

  private final Policy reference;
  private final boolean ownsReference;
  private final TrainerConfig config;
  private final Listeners listeners;
  private final Objective objective;
  private final Policy policy;
  private final @Nullable RolloutQueue queue;
  private final Drawer drawer;
  private final Rollouts rollouts;
  private final PolicyScorer referenceScorer;
  private final PolicyLearner learner;
  private final AdamW optimizer;
  private final KlController klController;
  private final Updates updates;
  private final HealthMonitor health;
  private final Supplier<ImmutableMap<String, String>> settings;
  private final Parts parts = new Parts();
  private final OneAtATime calls = new OneAtATime("trainer");
  private long step;
  private boolean halfRestored;

  /** Draws and scores the pairs of a step. */
  private interface Drawer {
    RolloutSource.Scored draw(long step, RandomGenerator random);
  }

  /** Checks everything before it takes memory, and frees that if it cannot take all. */
  private P3OTrainer(Builder builder) {
    PromptSource prompts = require("prompts", builder.prompts);
    Workers workers = builder.workers;
    if (workers == null) {
      require("sampler", builder.sampler);
      require("rewardModel", builder.rewardModel);
    }
    policy = builder.policy;
    config = builder.config;
    listeners = new Listeners(builder.listeners);
    objective = builder.objective.apply(config);
    checkWorkers(workers);
    checkAhead(builder);
    config.rewardShaping().checkFor(objective.name(), objective.rewardView());
    klController = new KlController(config.klControl(), objective);
    rollouts = new Rollouts(objective, config.rewardShaping());
    health = new HealthMonitor(builder.health);
    ownsReference = builder.reference == null;
    reference =
        builder.reference == null
            ? Given.notNull("policy.frozenCopy", "a copy", policy.frozenCopy())
            : builder.reference;
    checkReference();
    Policy copyAhead = null;
    boolean whole = false;
    try {
      copyAhead =
          config.rolloutsAhead() == 0
              ? null
              : Given.notNull("reference.frozenCopy", "a copy", reference.frozenCopy());
      optimizer = new AdamW(policy.parameters(), config.optimizer());
      whole = true;
    } finally {
      if (!whole) {
        closeCopies(copyAhead);
      }
    }
    int k = config.responsesPerPrompt();
    int groupsAtOnce = config.promptsPerMicroBatch();
    referenceScorer = new PolicyScorer(reference, k * groupsAtOnce);
    learner = new PolicyLearner(policy, objective, k, groupsAtOnce);
    Updates.Learner gradients = workers == null ? learner::gradients : workers::gradients;
    updates = new Updates(config, gradients, optimizer, klController, listeners::onAlarm);
    // At the first checkpoint: it reads every parameter of the frozen models.
    settings = Suppliers.memoize(() -> settings(builder.rewardModel));
    queue = copyAhead == null ? null : queue(builder, prompts, copyAhead);
    drawer = drawer(builder, prompts);
    parts.add("klControl", klController);
    parts.add("rewardShaping", rollouts.shaping());
    parts.add("health", health);
    if (queue != null) {
      parts.add("rolloutsAhead", queue); // first of those below: it waits until they rest
    }
    parts.add("prompts", prompts);
    parts.add("sampler", builder.sampler);
    parts.add("rewardModel", builder.rewardModel);
    for (int i = 0; i < builder.listeners.size(); i++) {
      parts.add("listeners[" + i + "]", builder.listeners.get(i));
    }
  }

  /** A KL to what is trained along is 0 for ever, and its coefficient without effect. */
  private void checkReference() {
    checkArgument(
        reference.parameters() != policy.parameters() || policy.parameters().isFrozen(),
        ownsReference
            ? "policy.frozenCopy: expected parameters of its own, which stay as they are, got the"
                + " live ones of the policy"
            : "reference: expected a policy that is not trained, got one with the live parameters"
                + " of the trained policy; leave it out for the policy as it is now, or give a"
                + " frozenCopy() of it, the caller's to close");
  }

  private void closeCopies(@Nullable Policy copyAhead) {
    if (copyAhead != null) {
      copyAhead.close();
    }
    if (ownsReference) {
      reference.close();
    }
  }

  private void checkWorkers(@Nullable Workers workers) {
    if (workers != null) {
      checkArgument(
          objective.correctsForStaleness(),
          "workers: expected none for %s, which needs values of the tokens, got some",
          objective.name());
      checkArgument(
          config.rolloutsAhead() == 0,
          "rolloutsAhead: expected 0 with workers, got %s",
          config.rolloutsAhead());
    }
  }

  private Drawer drawer(Builder builder, PromptSource prompts) {
    Workers workers = builder.workers;
    RolloutQueue ahead = queue;
    if (workers != null) {
      return (at, random) -> RolloutSource.draw(at, prompts, workers, config, random);
    }
    if (ahead != null) {
      return (at, random) -> ahead.get(at);
    }
    PairSampler sampler = require("sampler", builder.sampler);
    RewardModel rewardModel = require("rewardModel", builder.rewardModel);
    RolloutSource source = new RolloutSource(prompts, rewardModel, referenceScorer, config);
    return (at, random) -> source.draw(at, at, sampler, random);
  }

  private void checkAhead(Builder builder) {
    int ahead = config.rolloutsAhead();
    if (ahead > 0) {
      checkArgument(
          objective.correctsForStaleness(),
          "rolloutsAhead: expected 0 for %s, whose ratios do not correct for older policies, got"
              + " %s",
          objective.name(),
          ahead);
      checkArgument(
          builder.samplerOfCopy != null,
          "samplerOfCopy: expected to be set for rolloutsAhead %s, got a sampler of the policy"
              + " itself, which changes meanwhile",
          ahead);
    }
  }

  private RolloutQueue queue(Builder builder, PromptSource prompts, Policy copy) {
    RewardModel rewardModel = require("rewardModel", builder.rewardModel);
    return new RolloutQueue(
        policy,
        require("samplerOfCopy", builder.samplerOfCopy),
        copy,
        scorer -> new RolloutSource(prompts, rewardModel, scorer, config),
        config);
  }

  private ImmutableMap<String, String> settings(@Nullable RewardModel rewardModel) {
    ImmutableMap.Builder<String, String> all = ImmutableMap.builder();
    all.putAll(Settings.of("", config)).put("loss", objective.description());
    if (reference.parameters().isFrozen()) {
      all.put("reference", Fingerprint.of(reference));
    }
    if (rewardModel instanceof GraphModel model) {
      all.put("rewardModel", Fingerprint.of(model));
    }
    return all.buildOrThrow();
  }

  @CanIgnoreReturnValue
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
    Given.notNull("loss", "an objective", loss);
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
    Given.notNull("loss", "an objective", loss);
    return new Builder(
        policy,
        config ->
            new TokenObjective(
                policy, loss, config.responsesPerPrompt() * config.promptsPerMicroBatch()));
  }

  /**
   * One turn: a rollout, and several updates on it. A turn that fails is not counted: the next call
   * draws the same prompts again. One whose listener fails was counted before.
   *
   * @return what was measured
   * @throws IllegalArgumentException if prompts, sampler or reward model give null or another
   *     number than was asked for, if the graph of the policy gives other shapes than it should, or
   *     if the loss does not read each of the policy's parameters
   * @throws NonFiniteException if a reward, log-probability or gradient is not finite; the
   *     parameters are then as before the update that met it
   * @throws IllegalStateException if the policy gives other log-probabilities than the sampler, see
   *     {@link TrainerConfig.RatioCheck}; or if another trainer changes the policy at this moment
   */
  @CanIgnoreReturnValue
  public StepMetrics step() {
    return run("step", () -> alone(this::turn));
  }

  /** Refuses what would change the policy while another trainer does. */
  private <T> T alone(Supplier<T> call) {
    return OneTrainer.run(policy.parameters(), this, call);
  }

  private StepMetrics turn() {
    try {
      RandomGenerator random = RandomStreams.forStep(config.seed(), queue == null ? step : ~step);
      RolloutSource.Scored scored = drawer.draw(step, random);
      long staleness = step - scored.policyStep();
      MetricsCollector metrics = new MetricsCollector();
      metrics.addTimings(scored.timings());
      double klScale = klController.scale();
      Rollouts.Drawn rollout =
          metrics.time("timing_s/score", () -> rollouts.prepare(scored, klScale));
      listeners.onRollout(step, rollout.scored());
      metrics.addRollout(rollout, objective.klPenalty() * klScale);
      if (queue != null) {
        metrics.addStaleness(staleness);
      }
      metrics.time(
          "timing_s/update", () -> updates.on(rollout.shaped(), step, staleness, random, metrics));
      StepMetrics measured = new StepMetrics(step, metrics.values());
      klController.observe(measured.get("objective/kl"), rollout.scored().responses().size());
      rollouts.shapingState(rollout.state());
      if (queue != null) {
        queue.done(step);
      }
      step++;
      ImmutableList<HealthAlarm> alarms = health.observe(measured.step(), measured.values());
      listeners.onStep(measured, alarms);
      return measured;
    } catch (NonFiniteException e) {
      String message = String.valueOf(e.getMessage());
      try {
        listeners.onAlarm(
            HealthRules.alarm(Kind.NON_FINITE, step, Double.NaN, Double.NaN, message));
      } catch (RuntimeException | Error ofListener) {
        Listeners.withSuppressed(e, ofListener);
      }
      throw e;
    }
  }

  /**
   * How many steps were done, those before a resume included; steps of a host's own loop over
   * {@link #gradients} and {@link #apply} are the host's to count.
   *
   * @return ≥ 0
   */
  @Override
  public long stepsDone() {
    return step;
  }

  /**
   * {@inheritDoc} It holds the parameters, the optimiser's moments and its place in the schedule,
   * and what {@link Stateful} parts remember. Rollouts need not be saved, since each is drawn anew
   * from the seed and the step; but those drawn ahead come from policies that are gone: it waits
   * for the ones under way, and holds them.
   */
  @Override
  public Checkpoint checkpoint() {
    return run(
        "checkpoint",
        () ->
            new Checkpoint(
                step,
                settings.get(),
                ImmutableMap.<String, String>builder()
                    .put(UPDATES, String.valueOf(optimizer.updates()))
                    .putAll(parts.states())
                    .buildOrThrow(),
                optimizer.tensors()));
  }

  /** A call that needs a trainer whose parts are all of the same step. */
  private <T> T run(String name, Supplier<T> call) {
    return calls.run(name, whole(name, call));
  }

  /** Refuses a call to what was restored in part. */
  private <T> Supplier<T> whole(String name, Supplier<T> call) {
    return () -> {
      checkState(
          !halfRestored,
          "%s: expected a trainer that was restored as a whole, got one of which a part refused"
              + " its state; restore it again, or build a new one",
          name);
      return call.get();
    };
  }

  /**
   * {@inheritDoc} {@code promptsPerMicroBatch} alone may be another: a warning in the log says that
   * the bits may be, too. If a {@link Stateful} part refuses its state, those before it have theirs
   * back and the parameters are as they were: it is named, what it threw is the cause, and the
   * trainer then refuses all but {@code restore} and {@link #close}, until a restore succeeds.
   */
  @Override
  public void restore(Checkpoint checkpoint) {
    step = calls.run("restore", () -> alone(() -> restored(checkpoint)));
  }

  private long restored(Checkpoint checkpoint) {
    Map<String, String> saved = new LinkedHashMap<>(checkpoint.settings());
    Map<String, String> now = new LinkedHashMap<>(settings.get());
    String microBatch = String.valueOf(saved.remove(MICRO_BATCH));
    boolean roundsOtherwise = !microBatch.equals(now.remove(MICRO_BATCH));
    Settings.checkSame(saved, now);
    Map<String, String> states = new LinkedHashMap<>(checkpoint.states());
    long updates = AdamW.updates(states.remove(UPDATES));
    parts.check(states);
    optimizer.check(checkpoint.tensors());
    halfRestored = true;
    parts.restore(states);
    optimizer.restore(checkpoint.tensors(), updates);
    halfRestored = false;
    if (roundsOtherwise) {
      LOG.warn(
          "{}: {} in the checkpoint, {} now: sums are rounded otherwise, so that from step {} on"
              + " the last digits may differ from those of a run that was not resumed",
          MICRO_BATCH,
          microBatch,
          config.promptsPerMicroBatch(),
          checkpoint.step());
    }
    return checkpoint.step();
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
   * @throws IllegalStateException if {@link TrainerConfig#rolloutsAhead} is not 0; within a step or
   *     another call, also of another thread; after {@link #close}
   */
  public PairwiseBatch rollout(long step) {
    checkState(
        queue == null,
        "rollout: expected rolloutsAhead 0, since prompts and rewards are in use on another thread,"
            + " got %s",
        config.rolloutsAhead());
    return run("rollout", () -> drawn(step));
  }

  private PairwiseBatch drawn(long step) {
    RandomGenerator random = RandomStreams.forStep(config.seed(), step);
    Rollouts.Drawn rollout = rollouts.prepare(drawer.draw(step, random), klController.scale());
    rollouts.shapingState(rollout.state());
    return rollout.shaped();
  }

  /**
   * The running statistics of {@link TrainerConfig#rewardShaping}, which checkpoints hold.
   *
   * @return after all steps so far
   */
  public RewardShapingState rewardShapingState() {
    return rollouts.shapingState();
  }

  /**
   * The gradient of the mean loss over a batch. Nothing is changed.
   *
   * @param batch pairs with prompts and responses
   * @return the gradient; the caller closes it
   * @throws IllegalArgumentException for a batch of numbers only, or of another k
   * @throws NonFiniteException if the loss or a log-probability is not finite
   * @throws IllegalStateException within a call of another thread; after {@link #close}
   */
  public Gradients gradients(PairwiseBatch batch) {
    return calls.runOrNest("gradients", whole("gradients", () -> updates.gradients(batch)));
  }

  /**
   * Clips a gradient, takes one optimiser step with it, and closes it.
   *
   * @param gradients of this trainer, or their average over several machines
   * @return the norm before clipping
   * @throws IllegalArgumentException for closed gradients, such as those of an apply before
   * @throws NonFiniteException if the norm is not finite; nothing was changed then
   * @throws IllegalStateException within a step or another call, also of another thread; after
   *     {@link #close}; the gradient is still open then
   */
  @CanIgnoreReturnValue
  public double apply(Gradients gradients) {
    return run("apply", () -> alone(() -> applied(gradients)));
  }

  private double applied(Gradients gradients) {
    try (gradients) {
      return optimizer.update(gradients.vector());
    }
  }

  /**
   * Frees native memory, and ends the thread of {@link TrainerConfig#rolloutsAhead}, which it
   * interrupts; the policy, and a reference that was given, stay the caller's. Does nothing the
   * second time.
   *
   * @throws IllegalStateException within a step, also of another thread; nothing is freed then
   */
  @Override
  public void close() {
    if (!calls.close()) {
      return;
    }
    if (queue != null) {
      queue.close();
    }
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
    private HealthThresholds health = HealthThresholds.defaults();
    private @Nullable PromptSource prompts;
    private @Nullable PairSampler sampler;
    private @Nullable Function<Policy, PairSampler> samplerOfCopy;
    private @Nullable RewardModel rewardModel;
    private @Nullable Workers workers;
    private @Nullable Policy reference;

    private Builder(Policy policy, Function<TrainerConfig, Objective> objective) {
      this.policy = Given.notNull("policy", "a policy", policy);
      this.objective = objective;
      if (policy instanceof PairSampler ownSampler) {
        sampler = ownSampler;
        samplerOfCopy = PairSampler.class::cast;
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
      this.samplerOfCopy = null;
      return this;
    }

    /**
     * Sets who draws the responses, given the policy to draw from: for {@link
     * TrainerConfig#rolloutsAhead}, which draws from frozen copies on a thread of its own.
     *
     * @param samplerOfCopy given a frozen copy of the policy, or the policy itself; such as {@code
     *     copy -> ((TransformerPolicy) copy).sampler(32)}
     * @return this
     */
    public Builder samplerOfCopy(Function<Policy, PairSampler> samplerOfCopy) {
      Given.notNull("samplerOfCopy", "a function", samplerOfCopy);
      this.sampler = Given.notNull("samplerOfCopy", "a sampler", samplerOfCopy.apply(policy));
      this.samplerOfCopy = samplerOfCopy;
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
     * Sets who samples, scores and differentiates in place of this process; a sampler and a reward
     * model are then theirs. For objectives on whole responses.
     *
     * @param workers such as those of a cluster; not closed with the trainer
     * @return this
     */
    public Builder workers(Workers workers) {
      this.workers = workers;
      return this;
    }

    /**
     * Sets the reference policy; by default the policy as it is at {@link #build}.
     *
     * @param reference a policy that stays as it is, such as a {@link Policy#frozenCopy}, or the
     *     model under an adapter; not the trained one itself, whose KL to itself is 0 for ever. The
     *     caller's to close
     * @return this
     * @throws IllegalArgumentException for null, which is not the default
     */
    public Builder reference(Policy reference) {
      this.reference = Given.notNull("reference", "a policy", reference);
      return this;
    }

    /**
     * Sets the configuration.
     *
     * @param config see {@link TrainerConfig#builder}
     * @return this
     */
    public Builder config(TrainerConfig config) {
      this.config = Given.notNull("config", "a configuration", config);
      return this;
    }

    /**
     * Sets when listeners are told that something is wrong.
     *
     * @param health the thresholds
     * @return this
     */
    public Builder health(HealthThresholds health) {
      this.health = Given.notNull("health", "thresholds", health);
      return this;
    }

    /**
     * Adds a listener.
     *
     * @param listener is called on the trainer's thread
     * @return this
     */
    public Builder listener(TrainingListener listener) {
      listeners.add(Given.notNull("listener", "a listener", listener));
      return this;
    }

    /**
     * The trainer.
     *
     * @return a trainer at step 0; the caller closes it
     * @throws IllegalArgumentException if prompts, sampler or reward model are missing, for a
     *     reference with the live parameters of the policy, for a {@link RewardShaping} that would
     *     break the invariance of the objective and is not allowed to, or for {@link #workers} with
     *     an objective on tokens or rollouts ahead
     */
    public P3OTrainer build() {
      return new P3OTrainer(this);
    }
  }
}
