package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.Policy;
import io.github.p3o.PromptSource;
import io.github.p3o.TrainerConfig;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.examples.language.FreezeOptions;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.LoraOptions;
import io.github.p3o.examples.language.PromptOptions;
import io.github.p3o.examples.language.Reward;
import io.github.p3o.examples.language.SplitPrompts;
import io.github.p3o.examples.language.StoryOpenings;
import io.github.p3o.examples.language.WeightsOptions;
import io.github.p3o.examples.report.JudgedOn;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.run.CheckpointOptions;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.Preset;
import io.github.p3o.text.TextCodec;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.StopRule;
import io.github.p3o.transformer.TransformerPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o align}. */
@Command(
    name = "align",
    header = "Aligns a language model with a reward, by P3O or another objective.",
    description = {
      "",
      "Samples pairs of responses, scores them, and updates the model on the differences; every few"
          + " steps it is judged on held-out prompts, where there are at least five prompts. The"
          + " result is DIR/model, a Hugging Face directory, and DIR/report.html; of a low-rank"
          + " adapter also DIR/adapter, which PEFT reads and p3o generate --adapter takes. Without"
          + " prompts, the openings of children's stories are the prompts."
    },
    footer = {
      "  p3o align --policy DIR --reward sentiment --prompt 'Once upon a time'",
      "  p3o align --policy DIR --reward REWARD --gold sentiment --config t.yaml",
      "  p3o align --policy DIR --reward REWARD --prompts hh.jsonl.gz --format hh",
      "  p3o align --policy DIR --reward sentiment --lora-rank 8",
      "  p3o align --policy DIR --adapter RUN/adapter --reward REWARD --mapped"
    })
public final class AlignCommand implements Callable<Integer> {

  @Mixin private final RunOptions options = new RunOptions();
  @Mixin private final PromptOptions promptOptions = new PromptOptions();
  @Mixin private final ObjectiveOptions objective = new ObjectiveOptions();
  @Mixin private final TrainerOptions trainer = new TrainerOptions();
  @Mixin private final LoraOptions lora = new LoraOptions();
  @Mixin private final FreezeOptions freezing = new FreezeOptions();
  @Mixin private final WeightsOptions weights = new WeightsOptions();
  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Option(
      names = "--policy",
      required = true,
      paramLabel = "DIR",
      description = "The language model, a Hugging Face directory; also the reference.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path policy;

  @Option(
      names = "--reward",
      required = true,
      paramLabel = "DIR|NAME",
      description = "A reward model's directory, or a known preference: sentiment, cheerful.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private String reward;

  @Option(
      names = "--gold",
      paramLabel = "NAME",
      description = "A known preference to judge by, beside the reward: ${COMPLETION-CANDIDATES}.")
  private @Nullable Gold gold;

  @Option(
      names = "--preset",
      paramLabel = "SIZE",
      description =
          "The P3O author's settings for a policy of ${COMPLETION-CANDIDATES}; other options"
              + " override it.")
  private @Nullable Preset preset;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Turns of sampling and updating (default: 50, or the preset's).")
  private @Nullable Integer steps;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "The longest response (default: 48, or the preset's).")
  private @Nullable Integer maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "1",
      description = "Of sampling and of scoring alike (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description =
          "A response ends as soon as it contains this; may be given several times (default: none,"
              + " or the preset's).")
  private @Nullable List<String> stops;

  @Option(
      names = "--evaluate-every",
      paramLabel = "N",
      defaultValue = "5",
      description =
          "Steps between judgements, and between samples in rollouts.jsonl (default:"
              + " ${DEFAULT-VALUE}).")
  private int evaluateEvery;

  @Option(
      names = "--evaluation-prompts",
      paramLabel = "N",
      defaultValue = "128",
      description =
          "Prompts of a judgement; few held-out ones recur, and errors are over the different ones"
              + " (default: ${DEFAULT-VALUE}).")
  private int evaluationPrompts;

  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "0.2",
      description =
          "Of the prompts, to judge on; with the share and seed of p3o reward, those that it holds"
              + " out (default: ${DEFAULT-VALUE}).")
  private double heldOut;

  @Option(
      names = "--show-samples",
      paramLabel = "N",
      description = "Prompts to print with answers (default: 3; 0 if prompts come from a file).")
  private @Nullable Integer showSamples;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    check();
    Learner learner = objective.learner(preset);
    boolean seedGiven = spec.commandLine().getParseResult().hasMatchedOption("--seed");
    TrainerConfig config =
        trainer.config(preset, objective.epochsPerStep(), seedGiven ? options.seed() : null);
    try (LanguageModel model = lora.applyTo(freezing.applyTo(languageModel()), config.seed());
        Reward scored = Reward.open(reward, model, weights::rewardModel)) {
      PromptSplit prompts = prompts(model, config.seed());
      Alignment.Settings settings =
          new Alignment.Settings(
              objective.name(),
              learner,
              config,
              steps(),
              evaluateEvery,
              sampling(model),
              checkpoints.every(),
              prompts.judgedOn());
      try (Run run = Run.open(spec, options, checkpoints)) {
        run.describe("trainer", config);
        run.describe("stopTexts", stopTexts());
        run.console().note(prompts.summary());
        Outcome outcome = align(model, scored, prompts, settings, run);
        if (run.interrupted()) {
          return Run.INTERRUPTED;
        }
        report(outcome, prompts.judgedOn(), run);
      }
      return 0;
    }
  }

  private void check() {
    Checks.atLeast("--steps", 1, steps());
    Checks.atLeast("--evaluate-every", 1, evaluateEvery);
    Checks.atLeast("--evaluation-prompts", 1, evaluationPrompts);
    Checks.positive("--temperature", temperature);
    Checks.share("--held-out", heldOut);
    lora.check();
    freezing.check(lora.isWanted());
    weights.check(
        lora.isWanted() || freezing.isWanted() || Files.isDirectory(Path.of(reward)),
        "--lora-rank, --adapter, --freeze, --freeze-layers or a reward model's directory");
  }

  /** What is trained as a whole is not only read. */
  private LanguageModel languageModel() {
    return lora.isWanted() || freezing.isWanted()
        ? weights.languageModel(policy)
        : LanguageModel.load(policy);
  }

  private int steps() {
    return steps != null ? steps : preset != null ? preset.steps() : 50;
  }

  private int maxNewTokens() {
    return maxNewTokens != null ? maxNewTokens : preset != null ? preset.maxNewTokens() : 48;
  }

  private List<String> stopTexts() {
    return stops != null ? stops : preset != null ? preset.stopTexts() : ImmutableList.of();
  }

  private SamplingConfig sampling(LanguageModel model) {
    SamplingConfig plain = SamplingConfig.of(maxNewTokens());
    try {
      return stopTexts().isEmpty()
          ? plain
          : plain.withStopRule(StopRule.atText(model.tokenizer(), stopTexts()));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--stop: " + e.getMessage());
    }
  }

  private PromptSplit prompts(LanguageModel model, long seed) {
    SplitPrompts prompts =
        promptOptions.split(
            StoryOpenings.all(),
            model,
            model.maxPromptTokens(maxNewTokens()),
            Run.console(spec, options.display()),
            heldOut,
            seed);
    return PromptSplit.of(prompts, evaluationPrompts, seed);
  }

  private Outcome align(
      LanguageModel model,
      Reward scored,
      PromptSplit prompts,
      Alignment.Settings settings,
      Run run) {
    TransformerPolicy trained = model.policy().withTemperature(temperature);
    try (Policy reference = lora.isNew() ? trained.withoutAdapter() : trained.frozenCopy()) {
      Outcome outcome = align(trained, reference, model.codec(), scored, prompts, settings, run);
      if (!run.interrupted()) {
        model.saveIn(run.directory().path());
      }
      return outcome;
    }
  }

  private Outcome align(
      TransformerPolicy trained,
      Policy reference,
      TextCodec codec,
      Reward scored,
      PromptSplit prompts,
      Alignment.Settings settings,
      Run run) {
    Gold known = gold == null ? scored.gold() : gold;
    try (FrontierProbe probe =
        new FrontierProbe(
            prompts.judging(),
            Evaluator.RESPONSES,
            reference,
            scored.model(),
            settings.config().promptsPerMicroBatch(),
            settings.config().seed())) {
      Evaluator evaluator = new Evaluator(probe, codec, known, null);
      PromptSource source = PromptSource.uniform(prompts.training());
      ImmutableList<Alignment.Point> points =
          Alignment.run(trained, reference, source, scored.model(), evaluator, settings, run);
      // Where gold is the reward itself, one column says it.
      String goldName = known == null || known == scored.gold() ? "" : known.toString();
      return new Outcome(
          ImmutableList.of(settings.config().seed()),
          ImmutableMap.of(settings.name(), ImmutableList.of(points)),
          new Outcome.Columns(goldName, false));
    }
  }

  private void report(Outcome outcome, JudgedOn judgedOn, Run run) {
    int asked = showSamples != null ? showSamples : promptOptions.fromFile() ? 0 : 3;
    int samples = Math.min(asked, outcome.before().prompts().size());
    OutcomeReport shown = new OutcomeReport(outcome, run);
    shown.print(samples);
    shown.write(
        new RunReport.About(
            "Alignment by " + objective.name(),
            "A language model aligned with a reward; judged before, on the way and after, on "
                + judgedOn.words()
                + ".",
            outcome.columns().judge(),
            samples),
        "Reward against KL");
    run.printDone(
        "Model: "
            + run.directory().resolve(LanguageModel.MODEL)
            + ", report: "
            + run.directory().resolve(RunReport.FILE));
    lora.result(policy, run.directory().path())
        .ifPresent(line -> run.console().print(line + weights.given()));
  }
}
