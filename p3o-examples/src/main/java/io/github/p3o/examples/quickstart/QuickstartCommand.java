package io.github.p3o.examples.quickstart;

import io.github.p3o.examples.align.OutcomeReport;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.supervised.Calibration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o quickstart}. */
@Command(
    name = "quickstart",
    header = "The whole way on a generated language: no files, no network.",
    description = {
      "",
      "Generates stories, trains a small language model on them, labels pairs of what it writes by"
          + " a known preference with noise, trains a reward model on the labels, and aligns the"
          + " language model with it by P3O-V1 and P3O-V2. Prints before and after, and writes"
          + " report.html, kl-reward.png and the models."
    },
    footer = {
      "  p3o quickstart                  two to three minutes on two cores",
      "  p3o quickstart --small          under a minute, less training",
      "  p3o quickstart --seeds 5        five alignments each: mean and error over seeds"
    })
public final class QuickstartCommand implements Callable<Integer> {

  private static final int SAMPLES = 5;
  private static final int SAMPLES_OF_REPORT = 8;

  private static final String ABOUT =
      "A small language model learned a generated language of stories. Pairs of its own stories"
          + " were labelled by a known preference with noise ("
          + GrammarModels.GOLD.formula()
          + "); a reward model learned the labels; and P3O aligned the language model with the"
          + " reward model, by separate clipping (V1) and by joint clipping (V2). As the preference"
          + " is known, the true reward (gold) can be shown next to the reward model's.";

  @Mixin private final RunOptions options = new RunOptions();

  @Option(names = "--small", description = "Less of everything, to see that it works.")
  private boolean small;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      defaultValue = "1",
      description = "Alignments of each kind, with different seeds (default: ${DEFAULT-VALUE}).")
  private int seeds;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--seeds", 1, seeds);
    try (Run run = Run.open(spec, options)) {
      Quickstart.Scale scale = small ? Quickstart.Scale.SMALL : Quickstart.Scale.FULL;
      QuickstartResult result = new Quickstart(scale, options.seed(), seeds, run).run();
      OutcomeReport report = new OutcomeReport(result.outcome(), run);
      report.print(SAMPLES);
      keep(result.models(), run);
      report.write(
          new RunReport.About("P3O quickstart", ABOUT, "gold", SAMPLES_OF_REPORT),
          "P3O on a generated language: gold reward against KL");
      run.printDone("Report: " + run.directory().resolve(RunReport.FILE));
      return 0;
    }
  }

  /** For the report, what is not printed. */
  private static void keep(GrammarModels.Quality models, Run run) {
    Calibration calibration = models.calibration();
    run.keep(
        "The reward model on held-out comparisons",
        calibration.measures(models.labels().best().text(3)),
        Calibration.IDEAL
            + " "
            + models.labels().size()
            + " pairs were labelled. The language model's loss on held-out stories was "
            + String.format(Locale.ROOT, "%.3f nats a token.", models.languageLoss()));
    run.keep(
        "How sure the reward model was, and how often it was right",
        calibration.table(),
        "Of comparisons by its confidence in the answer that it prefers.");
  }
}
