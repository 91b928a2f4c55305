package io.github.p3o.examples.study;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterables;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.examples.align.Alignment;
import io.github.p3o.examples.align.Evaluations;
import io.github.p3o.examples.align.Evaluator;
import io.github.p3o.examples.align.Judged;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.Reward;
import io.github.p3o.examples.report.JudgedOn;
import io.github.p3o.examples.run.Run;
import io.github.p3o.transformer.SamplingConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A task that is open: aligns its policy by any setting, and judges it as it goes. */
final class TaskBench implements AutoCloseable {

  /** A line for each checkpoint; see {@link Checkpoint}. */
  static final String POINTS = "points.jsonl";

  /** What the policy answers at the end. */
  static final String SAMPLES = "samples.jsonl";

  /** Sequences that are scored at once. */
  private static final int AT_ONCE = 64;

  private final LanguageModel start;
  private final Reward reward;
  private final Prompts prompts;
  private final ImmutableMap<Part, Evaluator> evaluators;

  /** The prompts that a run is judged on. */
  enum Part {
    /** To choose settings. */
    VALIDATION,
    /** To judge the settings that were chosen. */
    TEST
  }

  /**
   * Prompts.
   *
   * @param training to learn from
   * @param validation to choose settings on; the first so many are used
   * @param test to judge on; the first so many are used
   * @param size how many of the last two are used, some again if there are too few
   */
  record Prompts(
      ImmutableList<Prompt> training,
      ImmutableList<Prompt> validation,
      ImmutableList<Prompt> test,
      TaskSize size) {

    private ImmutableList<Prompt> of(Part part) {
      return switch (part) {
        case VALIDATION -> some(validation, size.validationPrompts());
        case TEST -> some(test, size.testPrompts());
      };
    }

    private static ImmutableList<Prompt> some(ImmutableList<Prompt> all, int count) {
      return ImmutableList.copyOf(Iterables.limit(Iterables.cycle(all), count));
    }
  }

  /**
   * How answers are judged beside the reward.
   *
   * @param gold the known preference; null if the reward stands for it
   * @param language its rules, null if there are none
   * @param seed of the sampling
   */
  record Judging(@Nullable Gold gold, @Nullable BiPredicate<String, String> language, long seed) {}

  /**
   * A policy at a checkpoint: means over held-out prompts, each with its standard error.
   *
   * @param step turns of sampling and updating so far
   * @param reward of the model that is trained on, without stress
   * @param gold of the known preference; the reward where there is none
   * @param kl k1, nats a response
   * @param kl3 k3, nats a response
   * @param length tokens
   */
  record Checkpoint(
      int step,
      double reward,
      double rewardError,
      double gold,
      double goldError,
      double kl,
      double klError,
      double kl3,
      double kl3Error,
      double length) {

    static Checkpoint of(Alignment.Point point) {
      Judged judged = point.judged();
      return new Checkpoint(
          point.step(),
          judged.meanReward().mean(),
          judged.meanReward().standardError(),
          judged.meanGold().mean(),
          judged.meanGold().standardError(),
          judged.meanKl().mean(),
          judged.meanKl().standardError(),
          judged.meanKl3().mean(),
          judged.meanKl3().standardError(),
          judged.meanLength().mean());
    }
  }

  TaskBench(LanguageModel start, Reward reward, Prompts prompts, Judging judging) {
    this.start = start;
    this.reward = reward;
    this.prompts = prompts;
    ImmutableMap.Builder<Part, Evaluator> made = ImmutableMap.builder();
    for (Part part : Part.values()) {
      FrontierProbe probe =
          new FrontierProbe(
              prompts.of(part),
              Evaluator.RESPONSES,
              start.policy(),
              reward.model(),
              AT_ONCE,
              judging.seed());
      made.put(part, new Evaluator(probe, start.codec(), judging.gold(), judging.language()));
    }
    evaluators = made.buildOrThrow();
  }

  /** Aligns a copy of the policy, and leaves points.jsonl, samples.jsonl and evaluations. */
  void align(Setting setting, long seed, Part part, Run run) {
    TaskSize size = prompts.size();
    Evaluator evaluator = requireNonNull(evaluators.get(part));
    try (LanguageModel aligned = LanguageModel.load(start.tokenizerDirectory())) {
      ImmutableList<Alignment.Point> points =
          Alignment.run(
              aligned.policy(),
              start.policy(),
              PromptSource.uniform(prompts.training()),
              setting.stress().apply(reward.model()),
              evaluator,
              new Alignment.Settings(
                  setting.objective().toString(),
                  setting.learner(),
                  setting.trainer(size.samplesPerStep(), seed),
                  size.steps(),
                  size.evaluateEvery(),
                  SamplingConfig.of(size.maxNewTokens()),
                  0,
                  JudgedOn.HELD_OUT),
              run);
      run.directory().jsonLines(POINTS, points.stream().map(Checkpoint::of).toList());
      points.forEach(point -> Evaluations.save(point.step(), point.judged(), run));
      run.directory().jsonLines(SAMPLES, samples(points.get(points.size() - 1).judged()));
    }
  }

  private static ImmutableList<Map<String, Object>> samples(Judged judged) {
    return IntStream.range(0, judged.prompts().size())
        .mapToObj(
            i -> {
              Map<String, Object> line = new LinkedHashMap<>();
              line.put("prompt", judged.prompts().get(i));
              line.put("response", judged.texts().get(i));
              line.put("reward", judged.reward().get(i));
              line.put("gold", judged.gold().get(i));
              line.put("kl", judged.kl().get(i));
              return line;
            })
        .collect(ImmutableList.toImmutableList());
  }

  @Override
  public void close() {
    evaluators.values().forEach(evaluator -> evaluator.probe().close());
    reward.close();
    start.close();
  }
}
