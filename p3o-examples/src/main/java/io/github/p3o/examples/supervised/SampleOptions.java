package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Sets;
import io.github.p3o.Samples;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.LineOptions;
import io.github.p3o.examples.language.PromptOptions;
import io.github.p3o.examples.language.SplitPrompts;
import io.github.p3o.examples.language.StoryOpenings;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.UsageException;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of comparisons that are made: pairs of samples, labelled by a known preference. */
final class SampleOptions {

  /** Options that mean something for samples alone. */
  static final Set<String> OF_SAMPLES =
      Sets.difference(
          GivenOptions.namesOf(new SampleOptions()), GivenOptions.namesOf(new LineOptions()));

  @Mixin private final PromptOptions prompts = new PromptOptions();

  @Option(
      order = 20,
      names = "--sample-pairs",
      paramLabel = "N",
      description = "Pairs of the model's own samples to label, instead of --data.")
  private @Nullable Integer pairs;

  @Option(
      order = 21,
      names = "--gold",
      paramLabel = "NAME",
      defaultValue = "sentiment",
      description = "Who labels them: ${COMPLETION-CANDIDATES} (default: sentiment).")
  private Gold gold = Gold.SENTIMENT;

  @Option(
      order = 22,
      names = "--label-scale",
      paramLabel = "X",
      defaultValue = "4",
      description =
          "How decided the labels are: the better one is chosen with probability"
              + " 1/(1+exp(-X times the lead in gold)) (default: ${DEFAULT-VALUE}).")
  private double labelScale;

  @Option(
      order = 23,
      names = "--max-new-tokens",
      paramLabel = "N",
      defaultValue = "48",
      description = "The longest sample (default: ${DEFAULT-VALUE}).")
  private int maxNewTokens;

  /** Exactly one source of comparisons. */
  void check(boolean haveData) {
    if (haveData == (pairs != null)) {
      throw new UsageException(
          "--data, --sample-pairs: expected one of the two, got "
              + (haveData ? "both" : "neither"));
    }
    Checks.atLeast("--sample-pairs", 2, pairs);
    Checks.positive("--label-scale", labelScale);
  }

  /** Samples pairs and labels them. */
  Labels labels(LanguageModel model, double heldOut, long seed, Console console) {
    SplitPrompts split =
        prompts.split(
            StoryOpenings.all(),
            model,
            model.maxPromptTokens(maxNewTokens),
            console,
            heldOut,
            seed);
    SplittableRandom random = new SplittableRandom(seed);
    int count = pairs == null ? 0 : pairs;
    int[] drawn = random.ints(count, 0, split.all().size()).toArray();
    try (Console.Stage stage = console.stage("samples", 1)) {
      Samples samples =
          model
              .policy()
              .sampler(maxNewTokens)
              .sample(
                  Arrays.stream(drawn)
                      .mapToObj(split.all()::get)
                      .collect(ImmutableList.toImmutableList()),
                  2,
                  random);
      stage.step(2 * count + " responses");
      Labels.Labeller labeller = new Labels.Labeller(gold, labelScale, model.codec());
      return Labels.of(samples, labeller, pair -> split.heldOut().test(drawn[pair]), random);
    }
  }

  /** How files are read. */
  LineOptions lines() {
    return prompts.lines();
  }
}
