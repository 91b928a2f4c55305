package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableSet;
import io.github.p3o.examples.language.DataFormat;
import io.github.p3o.examples.language.FreezeOptions;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.LoraOptions;
import io.github.p3o.examples.language.TokenFile;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.run.CheckpointOptions;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.examples.run.TextTable;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.BradleyTerryLoss;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.Preference;
import io.github.p3o.train.Comparison;
import io.github.p3o.transformer.TransformerPolicy;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o reward}. */
@Command(
    name = "reward",
    header = "Trains a reward model on comparisons, and measures it on held-out ones.",
    description = {
      "",
      "The comparisons come from a file (--data), or are pairs of the model's own samples that a"
          + " known preference labels with noise (--sample-pairs). They are held out by prompt. The"
          + " result is DIR/model, which p3o align --reward takes; of a low-rank adapter also"
          + " DIR/adapter, which PEFT reads. An adapter of the language model (--adapter) is merged"
          + " first. Without prompts, samples continue the openings of children's stories."
    },
    footer = {
      "  p3o reward --policy DIR --data pairs.jsonl.gz --data-format hh",
      "  p3o reward --policy DIR --data pairs.jsonl.gz --lora-rank 8",
      "  p3o reward --policy DIR --sample-pairs 2000 --gold sentiment"
    })
public final class RewardCommand implements Callable<Integer> {

  private static final ImmutableSet<String> OF_DATA =
      ImmutableSet.of("--data-format", "--max-tokens");

  @Mixin private final RunOptions options = new RunOptions();
  @Mixin private final SampleOptions samples = new SampleOptions();
  @Mixin private final OptimizerOptions optimizer = new OptimizerOptions();
  @Mixin private final LoraOptions lora = new LoraOptions();
  @Mixin private final FreezeOptions freezing = new FreezeOptions();
  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Option(
      names = "--policy",
      required = true,
      paramLabel = "DIR",
      description = "The language model to start from, a Hugging Face directory.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path policy;

  @Option(
      names = "--untrained",
      description = "Take the sizes and the tokenizer of the model, but random weights.")
  private boolean untrained;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "Comparisons, a JSONL file (.gz too).")
  private @Nullable Path data;

  @Option(
      names = "--data-format",
      paramLabel = "FORMAT",
      defaultValue = "preference",
      description = "Of --data: preference, hh, messages or tldr (default: preference).")
  private DataFormat format = DataFormat.PREFERENCE;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Longer dialogues are cut on the left (default: the model's context).")
  private @Nullable Integer maxTokens;

  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "0.2",
      description = "Of the prompts, to measure on (default: ${DEFAULT-VALUE}).")
  private double heldOut;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Updates (default: once over the comparisons).")
  private @Nullable Integer steps;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "32",
      description = "Comparisons an update (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--micro-batch",
      paramLabel = "N",
      defaultValue = "16",
      description = "Comparisons computed at once; bounds the memory (default: ${DEFAULT-VALUE}).")
  private int microBatch;

  @Option(
      names = "--margin",
      paramLabel = "X",
      defaultValue = "0",
      description =
          "By how much the preferred response's reward is to lead, at least (default:"
              + " ${DEFAULT-VALUE}).")
  private double margin;

  @Option(
      names = "--center",
      paramLabel = "X",
      defaultValue = "0.01",
      description =
          "Weight of what keeps the two rewards of a comparison around 0; 0 leaves it out (default:"
              + " ${DEFAULT-VALUE}).")
  private double center;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--steps", 1, steps);
    optimizer.check(steps);
    Checks.atLeast("--batch", 1, batch);
    Checks.atLeast("--micro-batch", 1, microBatch);
    Checks.share("--held-out", heldOut);
    samples.check(data != null);
    GivenOptions.refuse(
        spec,
        data == null ? OF_DATA : SampleOptions.OF_SAMPLES,
        data == null
            ? "with --data, got --sample-pairs"
            : "with --sample-pairs, got --data, which has prompts and responses");
    BradleyTerryLoss objective = new BradleyTerryLoss(margin, center);
    lora.check();
    freezing.check(lora.isNew());
    if (untrained) {
      GivenOptions.refuse(
          spec, ImmutableSet.of("--adapter"), "without --untrained, which takes random weights");
    }
    try (LanguageModel model = lora.begin(LanguageModel.load(policy))) {
      // A file that cannot be read is named before there is a run directory.
      Labels read = data == null ? null : read(data, model, Run.console(spec, options.display()));
      try (Run run = Run.open(spec, options, checkpoints)) {
        Labels labels =
            read == null ? samples.labels(model, heldOut, options.seed(), run.console()) : read;
        Calibration calibration = fit(labels, objective, model, run);
        if (calibration == null) {
          return Run.INTERRUPTED;
        }
        report(labels, calibration, run);
        return 0;
      }
    }
  }

  private Labels read(Path file, LanguageModel model, Console console) {
    int context = model.policy().config().maxPositions();
    Checks.atLeast("--max-tokens", 2 + model.codec().begun().length, maxTokens);
    Comparisons comparisons =
        new Comparisons(model.codec(), maxTokens == null ? context : Math.min(maxTokens, context));
    TokenFile<Comparison> training = TokenFile.ofComparisons();
    TokenFile<Comparison> measured = TokenFile.ofComparisons();
    try (DataSetReader<Preference> reader =
        format.preferences(
            file,
            samples.lines().template(model.tokenizerDirectory()),
            samples.lines().malformed())) {
      reader.forEachRemaining(
          preference ->
              (DataSets.isHeldOut(preference.prompt(), heldOut, options.seed())
                      ? measured
                      : training)
                  .add(comparisons.of(preference)));
    }
    console.note(comparisons.summary());
    return new Labels(training, measured, Estimate.of());
  }

  /** Null if the run was interrupted. */
  private @Nullable Calibration fit(
      Labels labels, BradleyTerryLoss objective, LanguageModel model, Run run) {
    if (labels.training().isEmpty() || labels.heldOut().isEmpty()) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "--held-out: expected comparisons on both sides, got %d to learn from and %d held"
                  + " out; those of a prompt stay together, and each prompt is held out with this"
                  + " probability",
              labels.training().size(),
              labels.heldOut().size()));
    }
    run.pin("comparisons", labels.training());
    int updates = steps == null ? Math.max(1, labels.training().size() / batch) : steps;
    try (TransformerRewardModel reward = begun(model)) {
      RewardFit.run(
          reward,
          labels.training(),
          new RewardFit.Settings(
              updates, batch, microBatch, optimizer.config(updates), objective, options.seed()),
          Saving.every(checkpoints.every(), "reward", run),
          run);
      if (run.interrupted()) {
        return null;
      }
      Calibration calibration =
          RewardFit.measure(reward, labels.heldOut(), microBatch, run.directory());
      if (lora.isNew()) {
        reward.saveAdapter(run.directory().resolve(LanguageModel.ADAPTER));
      }
      reward.save(run.directory().resolve(LanguageModel.MODEL));
      model.copyTokenizer(run.directory().resolve(LanguageModel.MODEL));
      return calibration;
    }
  }

  private TransformerRewardModel begun(LanguageModel model) {
    return lora.applyTo(freezing.applyTo(untrainedOr(model)), options.seed());
  }

  private TransformerRewardModel untrainedOr(LanguageModel model) {
    if (!untrained) {
      return TransformerRewardModel.fromPolicy(model.policy());
    }
    try (TransformerPolicy random =
        TransformerPolicy.random(model.policy().config(), DataType.FLOAT, options.seed())) {
      return TransformerRewardModel.fromPolicy(random);
    }
  }

  private void report(Labels labels, Calibration calibration, Run run) {
    run.console()
        .print(
            String.format(
                Locale.ROOT,
                "%n%d comparisons to learn from, %d held out",
                labels.training().size(),
                labels.heldOut().size()));
    TextTable measures =
        calibration.measures(labels.best().count() == 0 ? "unknown" : labels.best().text(3));
    measures.add("longer is better", labels.accuracyOfLength().text(3), "0.500", "");
    run.table("On held-out comparisons", measures, Calibration.IDEAL);
    run.console()
        .print(String.format(Locale.ROOT, "%nHow sure it was, and how often it was right:"));
    run.table("How sure it was, and how often it was right", calibration.table(), "");
    run.console().print("Model: " + run.directory().resolve(LanguageModel.MODEL));
    run.directory().json("calibration.json", calibration);
    RunReport.write(
        run,
        new RunReport.About(
            "Reward model",
            "A reward model learned comparisons by Bradley and Terry's model; "
                + labels.training().size()
                + " to learn from, "
                + labels.heldOut().size()
                + " held out.",
            "reward",
            0));
  }
}
