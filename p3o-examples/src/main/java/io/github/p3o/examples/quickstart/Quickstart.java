package io.github.p3o.examples.quickstart;

import com.google.common.collect.ContiguousSet;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.PromptSource;
import io.github.p3o.TrainerConfig;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.examples.align.Alignment;
import io.github.p3o.examples.align.Evaluator;
import io.github.p3o.examples.align.Objective;
import io.github.p3o.examples.align.Outcome;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.report.JudgedOn;
import io.github.p3o.examples.run.Run;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * The whole way from nothing: a corpus, a language model trained on it, preferences about what it
 * writes, a reward model, and two alignments.
 */
final class Quickstart {

  private static final ImmutableList<Objective> OBJECTIVES =
      ImmutableList.of(Objective.P3O_V1, Objective.P3O_V2);
  private static final double HELD_OUT = 0.2;

  private final Scale scale;
  private final long seed;
  private final int seeds;
  private final Run run;
  private final ImmutableList<String> trainingPrompts;
  private final ImmutableList<String> heldOutPrompts;

  /**
   * How much work.
   *
   * @param models the language model and the reward model
   * @param alignSteps turns of sampling and updating
   * @param evaluateEvery steps between judgements
   */
  record Scale(GrammarModels.Scale models, int alignSteps, int evaluateEvery) {
    /** Two to three minutes on two cores. */
    static final Scale FULL = new Scale(new GrammarModels.Scale(8000, 400, 4000, 200), 40, 4);

    /** Under a minute. */
    static final Scale SMALL = new Scale(new GrammarModels.Scale(4000, 300, 2500, 100), 12, 3);
  }

  Quickstart(Scale scale, long seed, int seeds, Run run) {
    this.scale = scale;
    this.seed = seed;
    this.seeds = seeds;
    this.run = run;
    List<String> prompts = new ArrayList<>(StoryGrammar.prompts());
    Collections.shuffle(prompts, new Random(seed));
    int held = (int) (HELD_OUT * prompts.size());
    heldOutPrompts = ImmutableList.copyOf(prompts.subList(0, held));
    trainingPrompts = ImmutableList.copyOf(prompts.subList(held, prompts.size()));
  }

  /** Does it all. */
  QuickstartResult run() {
    run.console()
        .note(
            String.format(
                Locale.ROOT,
                "A language of %d words; %d prompts to learn from, %d held out.",
                StoryGrammar.words().size(),
                trainingPrompts.size(),
                heldOutPrompts.size()));
    GrammarModels.Quality models =
        new GrammarModels(trainingPrompts, heldOutPrompts, scale.models(), seed).make(run);
    return new QuickstartResult(models, align());
  }

  private Outcome align() {
    ImmutableMap.Builder<String, ImmutableList<ImmutableList<Alignment.Point>>> runs =
        ImmutableMap.builder();
    try (LanguageModel model = LanguageModel.load(run.directory().resolve(GrammarModels.SFT));
        TransformerRewardModel reward =
            TransformerRewardModel.load(run.directory().resolve(GrammarModels.REWARD));
        FrontierProbe probe =
            new FrontierProbe(
                model.codec().prompts(heldOutPrompts),
                Evaluator.RESPONSES,
                model.policy(),
                reward,
                64,
                seed + 4)) {
      Evaluator evaluator =
          new Evaluator(probe, model.codec(), GrammarModels.GOLD, StoryGrammar::accepts);
      for (Objective objective : OBJECTIVES) {
        ImmutableList.Builder<ImmutableList<Alignment.Point>> ofSeeds = ImmutableList.builder();
        for (int i = 0; i < seeds; i++) {
          ofSeeds.add(align(objective, seed + i, model.policy(), reward, evaluator));
        }
        runs.put(objective.toString(), ofSeeds.build());
      }
    }
    return new Outcome(
        ContiguousSet.closedOpen(seed, seed + seeds).asList(),
        runs.buildOrThrow(),
        new Outcome.Columns("gold", true));
  }

  /** Aligns a fresh copy of the language model. */
  private ImmutableList<Alignment.Point> align(
      Objective objective,
      long alignSeed,
      Policy reference,
      TransformerRewardModel reward,
      Evaluator evaluator) {
    String name = seeds == 1 ? objective.toString() : objective + "-seed" + alignSeed;
    try (LanguageModel aligned = LanguageModel.load(run.directory().resolve(GrammarModels.SFT))) {
      TransformerPolicy policy = aligned.policy();
      ImmutableList<Alignment.Point> points =
          Alignment.run(
              policy,
              reference,
              PromptSource.uniform(evaluator.codec().prompts(trainingPrompts)),
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
        SamplingConfig.of(GrammarModels.MAX_NEW_TOKENS),
        0,
        JudgedOn.HELD_OUT);
  }
}
