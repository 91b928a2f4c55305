package io.github.p3o.examples.quickstart;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Samples;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.examples.supervised.Calibration;
import io.github.p3o.examples.supervised.Labels;
import io.github.p3o.examples.supervised.RewardFit;
import io.github.p3o.examples.supervised.Sft;
import io.github.p3o.loss.BradleyTerryLoss;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.train.Example;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Makes the models of the generated language: a language model trained on its stories, and a reward
 * model of what is preferred among the stories that it writes.
 *
 * @param training prompts of stories and of labelled pairs
 * @param heldOut prompts to measure the language model on
 * @param scale how much work
 * @param seed every random choice follows from it
 */
public record GrammarModels(
    ImmutableList<String> training, ImmutableList<String> heldOut, Scale scale, long seed) {

  /** What is preferred. */
  public static final Gold GOLD = Gold.CHEERFUL;

  /** The longest story. */
  static final int MAX_NEW_TOKENS = 24;

  /** In the run's directory: the language model. */
  public static final String SFT = "sft";

  /** In the run's directory: the reward model. */
  public static final String REWARD = "reward";

  private static final LanguageModel.Sizes MODEL = new LanguageModel.Sizes(2, 64, 4, 64);
  private static final double HELD_OUT = 0.2;

  /**
   * Labels are decided: of stories that differ by 1 in gold, the better is chosen 19 times of 20.
   */
  private static final double LABEL_SCALE = 3;

  /**
   * How much work.
   *
   * @param stories of the corpus
   * @param sftSteps updates of the language model
   * @param pairs that are labelled
   * @param rewardSteps updates of the reward model
   */
  public record Scale(int stories, int sftSteps, int pairs, int rewardSteps) {}

  /**
   * How good they are.
   *
   * @param languageLoss of the language model on held-out stories, nats per token
   * @param labels the comparisons
   * @param calibration of the reward model
   */
  public record Quality(double languageLoss, Labels labels, Calibration calibration) {}

  /** Makes both, in the run's directory. */
  public Quality make(Run run) {
    Path directory = run.directory().resolve(SFT);
    Tokenizers.writeWordLevel(directory, StoryGrammar.words());
    try (LanguageModel model =
        LanguageModel.untrained(MODEL, Tokenizers.huggingFace(directory), directory, seed)) {
      double loss = sft(model, run);
      model.save(directory);
      try (TransformerRewardModel reward = TransformerRewardModel.fromPolicy(model.policy())) {
        Labels labels = label(model);
        RewardFit.Settings settings =
            new RewardFit.Settings(
                scale.rewardSteps(), 32, 32, 1e-3, new BradleyTerryLoss(), seed + 2);
        RewardFit.run(reward, labels.training(), settings, Saving.never(REWARD, run), run);
        Calibration calibration = RewardFit.measure(reward, labels.heldOut(), 32, run.directory());
        run.console()
            .note(
                String.format(
                    Locale.ROOT,
                    "  held-out accuracy %s; the best possible with these noisy labels is %.3f",
                    calibration.accuracy().text(3),
                    labels.best().mean()));
        reward.save(run.directory().resolve(REWARD));
        model.copyTokenizer(run.directory().resolve(REWARD));
        return new Quality(loss, labels, calibration);
      }
    }
  }

  private double sft(LanguageModel model, Run run) {
    double[] losses =
        Sft.run(
            model.policy(),
            corpus(model.codec(), training, scale.stories(), seed),
            corpus(model.codec(), heldOut, 400, seed + 1),
            new Sft.Settings(scale.sftSteps(), 64, 64, 1e-2, seed),
            Saving.never(SFT, run),
            run);
    run.console()
        .note(
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
    ImmutableList<Prompt> all = model.codec().prompts(training);
    SplittableRandom random = new SplittableRandom(seed + 3);
    Samples samples =
        model
            .policy()
            .sampler(MAX_NEW_TOKENS)
            .sample(PromptSource.uniform(all).next(scale.pairs(), random), 2, random);
    Labels.Labeller labeller = new Labels.Labeller(GOLD, LABEL_SCALE, model.codec());
    return Labels.of(samples, labeller, HELD_OUT, random);
  }
}
