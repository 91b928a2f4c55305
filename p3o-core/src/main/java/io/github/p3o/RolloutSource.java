package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.Scoring;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;

/**
 * Prompts → pairs of responses → rewards → reference log-probabilities: the part of a rollout that
 * may run beside the updates, since it needs no more of the trained policy than a sampler.
 */
final class RolloutSource {

  /**
   * The pairs of one step as they are before anything of the trainer's own enters them.
   *
   * @param policyStep after how many steps the policy that sampled them was as it was
   * @param batch with the rewards as the reward model gave them
   * @param references log π_ref of the tokens of each response, row-major {@code [k, groups]}; none
   *     if read from a checkpoint
   * @param timings seconds, by metric name
   */
  record Scored(
      long policyStep,
      PairwiseBatch batch,
      ImmutableList<TokenLogProbs> references,
      ImmutableMap<String, Double> timings) {}

  private final PromptSource prompts;
  private final RewardModel rewardModel;
  private final PolicyScorer reference;
  private final TrainerConfig config;

  RolloutSource(
      PromptSource prompts, RewardModel rewardModel, PolicyScorer reference, TrainerConfig config) {
    this.prompts = prompts;
    this.rewardModel = rewardModel;
    this.reference = reference;
    this.config = config;
  }

  /** Draws the pairs of a step from the policy as it was after another. */
  Scored draw(long step, long policyStep, PairSampler sampler, RandomGenerator random) {
    MetricsCollector times = new MetricsCollector();
    Samples samples = times.time("timing_s/sample", () -> sample(sampler, random));
    ImmutableLongArray ids = ids(step, samples.prompts().size(), config);
    Scored scored = times.time("timing_s/score", () -> score(policyStep, ids, samples));
    return new Scored(policyStep, scored.batch(), scored.references(), times.timings());
  }

  /** Has the pairs of a step drawn and scored by others. */
  static Scored draw(
      long step,
      PromptSource prompts,
      Workers workers,
      TrainerConfig config,
      RandomGenerator random) {
    MetricsCollector times = new MetricsCollector();
    int count = config.promptsPerStep();
    int k = config.responsesPerPrompt();
    ImmutableList<Prompt> drawn = next(prompts, count, random);
    ImmutableLongArray ids = ids(step, count, config);
    PairwiseBatch batch = times.time("timing_s/sample", () -> workers.rollout(ids, drawn, random));
    Given.notNull("workers", "a rollout", batch);
    checkArgument(
        batch.responsesPerPrompt() == k && batch.ids().equals(ids) && !batch.prompts().isEmpty(),
        "workers: expected %s responses to each of the prompts %s to %s in their order, got %s to"
            + " prompts %s",
        k,
        ids.get(0),
        ids.get(count - 1),
        batch.responsesPerPrompt(),
        batch.ids());
    return new Scored(step, batch, ImmutableList.of(), times.timings());
  }

  private static ImmutableLongArray ids(long step, int count, TrainerConfig config) {
    long first = step * config.promptsPerStep();
    return ImmutableLongArray.copyOf(LongStream.range(first, first + count));
  }

  private static ImmutableList<Prompt> next(
      PromptSource prompts, int count, RandomGenerator random) {
    ImmutableList<Prompt> drawn =
        Given.notNull("prompts", count + " prompts", prompts.next(count, random));
    checkArgument(
        drawn.size() == count, "prompts: expected %s prompts, got %s", count, drawn.size());
    return drawn;
  }

  private Samples sample(PairSampler sampler, RandomGenerator random) {
    int count = config.promptsPerStep();
    int k = config.responsesPerPrompt();
    ImmutableList<Prompt> drawn = next(prompts, count, random);
    Samples samples = Given.notNull("sampler", "samples", sampler.sample(drawn, k, random));
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

  private Scored score(long policyStep, ImmutableLongArray ids, Samples samples) {
    double[] rewards = Scoring.rewards(rewardModel, ids, samples);
    PolicyScorer.Scores scores = reference.score(samples.promptOfEach(), samples.responses());
    PairwiseBatch batch = Scoring.batch(ids, samples, scores.logProbs().toArray(), rewards);
    return new Scored(policyStep, batch, scores.ofTokens(), ImmutableMap.of());
  }
}
