package io.github.p3o.examples.study;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.examples.language.DataFormat;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.Reward;
import io.github.p3o.examples.language.StoryOpenings;
import io.github.p3o.examples.quickstart.GrammarModels;
import io.github.p3o.examples.quickstart.StoryGrammar;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.examples.supervised.Comparisons;
import io.github.p3o.examples.supervised.RewardFit;
import io.github.p3o.examples.supervised.Sft;
import io.github.p3o.loss.BradleyTerryLoss;
import io.github.p3o.text.ChatTemplate;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.MalformedLines;
import io.github.p3o.text.Preference;
import io.github.p3o.text.TextCodec;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.Example;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** A task of the study: a policy to start from, a reward, and prompts. */
enum StudyTask {

  /** The generated language of quickstart, with a reward model trained on noisy labels. */
  GRAMMAR("generated stories, a trained reward model, judged by the preference behind it", "gold") {
    @Override
    ImmutableList<Path> needs(Path data) {
      return ImmutableList.of();
    }

    @Override
    TaskSize size(boolean small) {
      return small
          ? new TaskSize(16, 2, 1, 12, 8, 8, 2, 1, SMALL_RATES, ONE_BETA, ONE_BETA, NONE, NONE)
          : new TaskSize(64, 48, 2, 24, 80, 80, 2, 2, RATES, BETAS, DPO_BETAS, LAMBDAS, VALUES);
    }

    @Override
    void prepare(Path data, boolean small, long seed, Run run) {
      Prompts prompts = prompts(seed);
      GrammarModels.Scale scale =
          small
              ? new GrammarModels.Scale(300, 30, 60, 5)
              : new GrammarModels.Scale(8000, 400, 4000, 200);
      GrammarModels.Quality quality =
          new GrammarModels(prompts.training, prompts.heldOut(), scale, seed).make(run);
      run.describe("reward model", quality.calibration());
    }

    private Prompts prompts(long seed) {
      return Prompts.of(StoryGrammar.prompts(), 0.2, seed);
    }

    @Override
    TaskBench open(Path data, Path models, TaskSize size, long seed) {
      LanguageModel start = LanguageModel.load(models.resolve(GrammarModels.SFT));
      TransformerRewardModel reward =
          TransformerRewardModel.load(models.resolve(GrammarModels.REWARD));
      return new TaskBench(
          start,
          new Reward(reward, null, reward),
          prompts(seed).tokens(start.codec(), size),
          new TaskBench.Judging(GrammarModels.GOLD, StoryGrammar::accepts, seed + 4));
    }
  },

  /** A pretrained model, rewarded in code. */
  STORIES("children's stories by stories260k, a reward in code: sentiment", "sentiment") {
    @Override
    ImmutableList<Path> needs(Path data) {
      return ImmutableList.of(data.resolve(STORIES_MODEL));
    }

    @Override
    TaskSize size(boolean small) {
      return new TaskSize(
          64, 32, 2, 24, 64, 64, 5, 2, LOWER_RATES, BETAS, DPO_BETAS, LAMBDAS, VALUES);
    }

    @Override
    void prepare(Path data, boolean small, long seed, Run run) {
      // the model is there, and the reward is code
    }

    @Override
    TaskBench open(Path data, Path models, TaskSize size, long seed) {
      LanguageModel start = LanguageModel.load(data.resolve(STORIES_MODEL));
      return new TaskBench(
          start,
          Reward.open(Gold.SENTIMENT.toString(), start),
          Prompts.of(StoryOpenings.longer(), 0.2, seed).tokens(start.codec(), size),
          new TaskBench.Judging(Gold.SENTIMENT, null, seed + 4));
    }
  },

  /** Human preferences. */
  HH("harmless dialogues of Anthropic's HH, a reward model trained on them", "reward model") {
    @Override
    ImmutableList<Path> needs(Path data) {
      return ImmutableList.of(data.resolve(STORIES_MODEL), data.resolve(HH_DATA));
    }

    @Override
    TaskSize size(boolean small) {
      return new TaskSize(
          64,
          32,
          2,
          24,
          96,
          96,
          5,
          2,
          LOWER_RATES,
          ImmutableList.of(0.01, 0.05),
          DPO_BETAS,
          LAMBDAS,
          NONE);
    }

    @Override
    void prepare(Path data, boolean small, long seed, Run run) {
      DataSets.Split split = split(data, seed);
      try (LanguageModel model = LanguageModel.load(data.resolve(STORIES_MODEL))) {
        Comparisons comparisons = new Comparisons(model.codec(), 128);
        ImmutableList<Comparison> training = compared(split.training(), comparisons);
        ImmutableList<Comparison> heldOut = compared(split.heldOut(), comparisons);
        double[] losses =
            Sft.run(
                model.policy(),
                chosen(training),
                chosen(heldOut),
                new Sft.Settings(60, 32, 32, 1e-3, seed),
                Saving.never(GrammarModels.SFT, run),
                run);
        run.describe("language model, held-out loss before and after", losses);
        model.save(run.directory().resolve(GrammarModels.SFT));
        try (TransformerRewardModel reward = TransformerRewardModel.fromPolicy(model.policy())) {
          RewardFit.run(
              reward,
              training,
              new RewardFit.Settings(116, 32, 16, 1e-3, new BradleyTerryLoss(), seed + 2),
              Saving.never(GrammarModels.REWARD, run),
              run);
          run.describe("reward model", RewardFit.measure(reward, heldOut, 16, run.directory()));
          reward.save(run.directory().resolve(GrammarModels.REWARD));
          model.copyTokenizer(run.directory().resolve(GrammarModels.REWARD));
        }
      }
    }

    private DataSets.Split split(Path data, long seed) {
      try (DataSetReader<Preference> reader =
          DataFormat.HH.preferences(data.resolve(HH_DATA), ChatTemplate.HH, MalformedLines.STOP)) {
        return DataSets.split(ImmutableList.copyOf(reader), 0.2, seed);
      }
    }

    private ImmutableList<Comparison> compared(
        List<Preference> preferences, Comparisons comparisons) {
      return preferences.stream().map(comparisons::of).collect(ImmutableList.toImmutableList());
    }

    private ImmutableList<Example> chosen(ImmutableList<Comparison> comparisons) {
      return comparisons.stream()
          .map(comparison -> new Example(comparison.prompt(), comparison.chosen()))
          .collect(ImmutableList.toImmutableList());
    }

    @Override
    TaskBench open(Path data, Path models, TaskSize size, long seed) {
      DataSets.Split split = split(data, seed);
      LanguageModel start = LanguageModel.load(models.resolve(GrammarModels.SFT));
      TransformerRewardModel reward =
          TransformerRewardModel.load(models.resolve(GrammarModels.REWARD));
      List<String> heldOut = distinct(split.heldOut());
      int half = heldOut.size() / 2;
      return new TaskBench(
          start,
          new Reward(reward, null, reward),
          new Prompts(
                  distinct(split.training()),
                  ImmutableList.copyOf(heldOut.subList(0, half)),
                  ImmutableList.copyOf(heldOut.subList(half, heldOut.size())))
              .lastTokens(start.codec(), 32, size),
          new TaskBench.Judging(null, null, seed + 4));
    }

    private ImmutableList<String> distinct(List<Preference> preferences) {
      return preferences.stream()
          .map(Preference::prompt)
          .distinct()
          .collect(ImmutableList.toImmutableList());
    }
  };

  private static final String STORIES_MODEL = "stories260k";
  private static final String HH_DATA = "hh-rlhf/harmless-base-test.jsonl.gz";
  private static final ImmutableList<Double> RATES = ImmutableList.of(3e-5, 1e-4, 3e-4, 1e-3);
  private static final ImmutableList<Double> LOWER_RATES = ImmutableList.of(1e-5, 3e-5, 1e-4, 3e-4);
  private static final ImmutableList<Double> BETAS = ImmutableList.of(0.02, 0.1);
  private static final ImmutableList<Double> DPO_BETAS = ImmutableList.of(0.1, 0.5);
  private static final ImmutableList<Double> LAMBDAS = ImmutableList.of(0.95);
  private static final ImmutableList<Double> NONE = ImmutableList.of();
  private static final ImmutableList<Double> VALUES = ImmutableList.of(0.02, 0.5, 2.0);
  private static final ImmutableList<Double> SMALL_RATES = ImmutableList.of(1e-3);
  private static final ImmutableList<Double> ONE_BETA = ImmutableList.of(0.05);

  private final String about;
  private final String judge;

  StudyTask(String about, String judge) {
    this.about = about;
    this.judge = judge;
  }

  /** What answers are judged by. */
  String judge() {
    return judge;
  }

  /** What it is, in a few words. */
  String about() {
    return about;
  }

  /** The files or directories that it needs. */
  abstract ImmutableList<Path> needs(Path data);

  /** How much work. */
  abstract TaskSize size(boolean small);

  /** Makes the models that it needs, in the run's directory. */
  abstract void prepare(Path data, boolean small, long seed, Run run);

  /** Opens it, once it is prepared. */
  abstract TaskBench open(Path data, Path models, TaskSize size, long seed);

  /** What of its needs is missing; empty if nothing is. */
  ImmutableList<Path> missing(Path data) {
    return needs(data).stream()
        .filter(path -> !Files.exists(path))
        .collect(ImmutableList.toImmutableList());
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }

  /** Texts to learn from, to choose settings on, and to judge the chosen ones on. */
  private record Prompts(
      ImmutableList<String> training,
      ImmutableList<String> validation,
      ImmutableList<String> test) {

    /** Splits at random; the share is that of validation, and of test. */
    static Prompts of(List<String> all, double share, long seed) {
      List<String> order = new ArrayList<>(all);
      Collections.shuffle(order, new Random(seed));
      int each = (int) (share * order.size());
      return new Prompts(
          ImmutableList.copyOf(order.subList(2 * each, order.size())),
          ImmutableList.copyOf(order.subList(each, 2 * each)),
          ImmutableList.copyOf(order.subList(0, each)));
    }

    ImmutableList<String> heldOut() {
      return ImmutableList.<String>builder().addAll(validation).addAll(test).build();
    }

    TaskBench.Prompts tokens(TextCodec codec, TaskSize size) {
      return new TaskBench.Prompts(
          codec.prompts(training), codec.prompts(validation), codec.prompts(test), size);
    }

    TaskBench.Prompts lastTokens(TextCodec codec, int most, TaskSize size) {
      return new TaskBench.Prompts(
          cut(training, codec, most), cut(validation, codec, most), cut(test, codec, most), size);
    }

    private static ImmutableList<Prompt> cut(List<String> texts, TextCodec codec, int most) {
      return texts.stream()
          .map(text -> codec.prompt(text, most))
          .collect(ImmutableList.toImmutableList());
    }
  }
}
