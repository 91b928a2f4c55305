package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TrainerConfig;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.train.Example;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * The whole way from nothing: a corpus, a language model trained on it, preferences about what it
 * writes, a reward model, and two alignments.
 */
final class Quickstart {

  private static final Gold GOLD = Gold.CHEERFUL;
  private static final LanguageModel.Sizes MODEL = new LanguageModel.Sizes(2, 64, 4, 64);
  private static final int MAX_NEW_TOKENS = 24;
  private static final ImmutableList<Objective> OBJECTIVES =
      ImmutableList.of(Objective.P3O_V1, Objective.P3O_V2);
  private static final double HELD_OUT = 0.2;

  /**
   * Labels are decided: of stories that differ by 1 in gold, the better is chosen 19 times of 20.
   */
  private static final double LABEL_SCALE = 3;

  private final Scale scale;
  private final long seed;
  private final int seeds;
  private final Run run;
  private final Console console;
  private final ImmutableList<String> trainingPrompts;
  private final ImmutableList<String> heldOutPrompts;

  /**
   * How much work.
   *
   * @param stories of the corpus
   * @param sftSteps updates of the language model
   * @param pairs that are labelled
   * @param rewardSteps updates of the reward model
   * @param alignSteps turns of sampling and updating
   * @param evaluateEvery steps between judgements
   */
  record Scale(
      int stories, int sftSteps, int pairs, int rewardSteps, int alignSteps, int evaluateEvery) {
    /** Two to three minutes on two cores. */
    static final Scale FULL = new Scale(8000, 400, 4000, 200, 40, 4);

    /** Under a minute. */
    static final Scale SMALL = new Scale(4000, 300, 2500, 100, 12, 3);
  }

  Quickstart(Scale scale, long seed, int seeds, Run run) {
    this.scale = scale;
    this.seed = seed;
    this.seeds = seeds;
    this.run = run;
    this.console = run.console();
    List<String> prompts = new ArrayList<>(StoryGrammar.prompts());
    Collections.shuffle(prompts, new Random(seed));
    int held = (int) (HELD_OUT * prompts.size());
    heldOutPrompts = ImmutableList.copyOf(prompts.subList(0, held));
    trainingPrompts = ImmutableList.copyOf(prompts.subList(held, prompts.size()));
  }

  /** Does it all. */
  QuickstartResult run() {
    console.note(
        String.format(
            "A language of %d words; %d prompts to learn from, %d held out.",
            StoryGrammar.words().size(), trainingPrompts.size(), heldOutPrompts.size()));
    Path directory = run.directory().resolve("sft");
    Tokenizers.writeWordLevel(directory, StoryGrammar.words());
    try (LanguageModel model =
        LanguageModel.untrained(MODEL, Tokenizers.huggingFace(directory), directory, seed)) {
      double loss = sft(model);
      model.save(directory);
      try (TransformerRewardModel reward = TransformerRewardModel.fromPolicy(model.policy())) {
        Labels labels = label(model);
        RewardFit.Settings settings =
            new RewardFit.Settings(scale.rewardSteps(), 32, 32, 1e-3, seed + 2);
        RewardFit.run(reward, labels.training(), settings, Saving.never("reward", run), run);
        Calibration calibration = RewardFit.measure(reward, labels.heldOut(), 32, run.directory());
        console.note(
            String.format(
                Locale.ROOT,
                "  held-out accuracy %s; the best possible with these noisy labels is %.3f",
                calibration.accuracy().text(3),
                labels.best().mean()));
        reward.save(run.directory().resolve("reward"));
        model.copyTokenizer(run.directory().resolve("reward"));
        return align(model, reward, loss, labels, calibration);
      }
    }
  }

  private double sft(LanguageModel model) {
    List<Example> training = corpus(model.codec(), trainingPrompts, scale.stories(), seed);
    List<Example> heldOut = corpus(model.codec(), heldOutPrompts, 400, seed + 1);
    double[] losses =
        Sft.run(
            model.policy(),
            training,
            heldOut,
            new Sft.Settings(scale.sftSteps(), 64, 1e-2, seed),
            Saving.never("sft", run),
            run);
    console.note(
        String.format(
            Locale.ROOT, "  held-out loss %.3f -> %.3f nats/token", losses[0], losses[1]));
    return losses[1];
  }

  private static ImmutableList<Example> corpus(
      TextCodec codec, List<String> prompts, int stories, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    ImmutableList.Builder<Example> corpus = ImmutableList.builderWithExpectedSize(stories);
    for (int i = 0; i < stories; i++) {
      String prompt = prompts.get(random.nextInt(prompts.size()));
      String story = " " + StoryGrammar.story(prompt, random);
      corpus.add(new Example(codec.prompt(prompt), codec.response(prompt, story)));
    }
    return corpus.build();
  }

  private Labels label(LanguageModel model) {
    ImmutableList<Prompt> all = prompts(model.codec(), trainingPrompts);
    SplittableRandom random = new SplittableRandom(seed + 3);
    Samples samples =
        model
            .policy()
            .sampler(MAX_NEW_TOKENS)
            .sample(PromptSource.uniform(all).next(scale.pairs(), random), 2, random);
    Labels.Labeller labeller = new Labels.Labeller(GOLD, LABEL_SCALE, model.codec());
    return Labels.of(samples, labeller, HELD_OUT, random);
  }

  private static ImmutableList<Prompt> prompts(TextCodec codec, List<String> texts) {
    return texts.stream().map(codec::prompt).collect(ImmutableList.toImmutableList());
  }

  private QuickstartResult align(
      LanguageModel model,
      TransformerRewardModel reward,
      double loss,
      Labels labels,
      Calibration calibration) {
    ImmutableMap.Builder<String, ImmutableList<ImmutableList<Alignment.Point>>> runs =
        ImmutableMap.builder();
    try (Policy reference = model.policy().frozenCopy();
        PolicyScorer scorer = new PolicyScorer(reference, 64)) {
      Evaluator evaluator = evaluator(model.codec(), scorer, reward);
      for (Objective objective : OBJECTIVES) {
        ImmutableList.Builder<ImmutableList<Alignment.Point>> ofSeeds = ImmutableList.builder();
        for (int i = 0; i < seeds; i++) {
          ofSeeds.add(align(objective, seed + i, reference, reward, evaluator));
        }
        runs.put(objective.toString(), ofSeeds.build());
      }
    }
    Outcome.Columns columns = new Outcome.Columns("gold", true);
    return new QuickstartResult(
        loss, labels, calibration, new Outcome(runs.buildOrThrow(), columns));
  }

  private Evaluator evaluator(TextCodec codec, PolicyScorer reference, RewardModel reward) {
    return new Evaluator(
        prompts(codec, heldOutPrompts),
        codec,
        reference::logProbs,
        reward,
        GOLD,
        StoryGrammar::accepts,
        seed + 4);
  }

  /** Aligns a fresh copy of the language model. */
  private ImmutableList<Alignment.Point> align(
      Objective objective,
      long alignSeed,
      Policy reference,
      TransformerRewardModel reward,
      Evaluator evaluator) {
    String name = seeds == 1 ? objective.toString() : objective + "-seed" + alignSeed;
    try (LanguageModel aligned = LanguageModel.load(run.directory().resolve("sft"))) {
      TransformerPolicy policy = aligned.policy();
      ImmutableList<Alignment.Point> points =
          Alignment.run(
              policy,
              reference,
              PromptSource.uniform(prompts(evaluator.codec(), trainingPrompts)),
              reward,
              evaluator,
              settings(objective, name, alignSeed),
              run);
      aligned.save(run.directory().resolve(name));
      return points;
    }
  }

  private Alignment.Settings settings(Objective objective, String name, long alignSeed) {
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(alignSeed)
            .promptsPerStep(64)
            .epochsPerStep(4)
            .optimizer(OptimizerConfig.adamW(2e-4))
            .build();
    return new Alignment.Settings(
        name,
        objective.learner(),
        config,
        scale.alignSteps(),
        scale.evaluateEvery(),
        SamplingConfig.of(MAX_NEW_TOKENS),
        0);
  }
}
