package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Objective;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;

/**
 * Prompts → pairs of responses → rewards → reference log-probabilities → shaped rewards → what the
 * objective fixes.
 */
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

  private final PromptSource prompts;
  private final PairSampler sampler;
  private final RewardModel rewardModel;
  private final PolicyScorer reference;
  private final Objective objective;
  private final TrainerConfig config;
  private final RewardShaper shaper;
  private RewardShapingState shapingState = RewardShapingState.START;

  Rollouts(
      PromptSource prompts,
      PairSampler sampler,
      RewardModel rewardModel,
      PolicyScorer reference,
      Objective objective,
      TrainerConfig config) {
    this.prompts = prompts;
    this.sampler = sampler;
    this.rewardModel = rewardModel;
    this.reference = reference;
    this.objective = objective;
    this.config = config;
    this.shaper = new RewardShaper(config.rewardShaping(), objective.rewardView());
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

  /** The pairs of one step; {@link #shapingState(RewardShapingState)} counts them. */
  Drawn draw(long step, RandomGenerator random, double klScale, MetricsCollector metrics) {
    Samples samples = metrics.time("timing_s/sample", () -> sample(random));
    long first = step * config.promptsPerStep();
    ImmutableLongArray ids =
        ImmutableLongArray.copyOf(LongStream.range(first, first + samples.prompts().size()));
    return metrics.time("timing_s/score", () -> score(ids, samples, klScale));
  }

  private Samples sample(RandomGenerator random) {
    int count = config.promptsPerStep();
    int k = config.responsesPerPrompt();
    ImmutableList<Prompt> drawn = prompts.next(count, random);
    checkArgument(
        drawn.size() == count, "prompts: expected %s prompts, got %s", count, drawn.size());
    Samples samples = sampler.sample(drawn, k, random);
    checkArgument(
        samples.behaviour().responses() == k,
        "sampler: expected %s responses a prompt, got %s",
        k,
        samples.behaviour().responses());
    checkArgument(
        !samples.prompts().isEmpty() && samples.prompts().size() <= count,
        "sampler: expected responses to 1 to %s prompts, got %s",
        count,
        samples.prompts().size());
    return samples;
  }

  private Drawn score(ImmutableLongArray ids, Samples samples, double klScale) {
    int k = config.responsesPerPrompt();
    ImmutableList<Prompt> promptOfEach = samples.promptOfEach();
    double[] rewards = rewardModel.score(promptOfEach, samples.responses());
    checkArgument(
        rewards.length == samples.responses().size(),
        "rewardModel: expected %s rewards, one for each response, got %s",
        samples.responses().size(),
        rewards.length);
    checkFinite("reward", rewards, ids);
    PolicyScorer.Scores scores = reference.score(promptOfEach, samples.responses());
    double[] references = scores.logProbs().toArray();
    checkFinite("reference log-probability", references, ids);
    PairwiseBatch scored =
        new PairwiseBatch(
            ids,
            samples.prompts(),
            samples.responses(),
            samples.behaviour(),
            LogProbs.ofFlat(k, references),
            Rewards.ofFlat(k, rewards));
    RewardShaper.Shaped shaped = shaper.shape(scored.rewards(), scored.responses(), shapingState);
    PairwiseBatch prepared =
        objective.prepare(scored.withRewards(shaped.rewards()), scores.ofTokens(), klScale);
    return new Drawn(scored, prepared, shaped.state(), shaped.metrics());
  }

  private static void checkFinite(String name, double[] values, ImmutableLongArray ids) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw new NonFiniteException(
            String.format(
                "%s: expected finite values, got %s for response %d of pair %d;"
                    + " the parameters are unchanged",
                name, values[i], i / ids.length(), ids.get(i % ids.length())));
      }
    }
  }
}
