package io.github.p3o.examples.evidence;

import io.github.p3o.eval.TranslationCertificate;
import io.github.p3o.examples.align.Learner;
import io.github.p3o.examples.align.Objective;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.run.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o certify}. */
@Command(
    name = "certify",
    header = "Shows which objectives a shift of the reward by prompt changes.",
    description = {
      "",
      "Repeats whole trainings with rewards r(x, y) + d(x), where d differs between prompts, and"
          + " compares the parameters that they end with, bit by bit. Objectives on differences"
          + " of rewards promise that nothing changes: the exit code is 1 if one breaks its"
          + " promise. DIR/certificate.json and .csv have the numbers."
    },
    footer = {"  p3o certify", "  p3o certify --loss p3o-v2,ppo-sequence --magnitude 1,1e6"})
public final class CertifyCommand implements Callable<Integer> {

  private static final int BROKEN = 1;

  @Mixin private final RunOptions options = new RunOptions();

  @Option(
      names = "--loss",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "p3o-v1,p3o-v2,ppg,ppg-is,online-dpo,rloo,vpg,ppo,ppo-sequence",
      description = "Some of ${COMPLETION-CANDIDATES} (default: all).")
  private List<Objective> objectives = List.of();

  @Option(
      names = "--policy",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "tabular,transformer",
      description = "Some of ${COMPLETION-CANDIDATES} (default: all).")
  private List<CertifiedPolicy> policies = List.of();

  @Option(
      names = "--magnitude",
      split = ",",
      paramLabel = "X",
      defaultValue = "1,1e2,1e4,1e6",
      description =
          "Greatest |d|, from 0.001 to 1e6; d is rounded to a multiple of 2^-20 as rewards are, so"
              + " that r + d is exact (default: ${DEFAULT-VALUE}).")
  private double[] magnitudes = {};

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "5",
      description = "Turns of sampling and updating (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--responses-per-prompt",
      paramLabel = "K",
      defaultValue = "2",
      description = "From 2 on; all pairs are used (default: ${DEFAULT-VALUE}).")
  private int responses;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--steps", 1, steps);
    Checks.atLeast("--responses-per-prompt", 2, responses);
    for (double magnitude : magnitudes) {
      if (!(magnitude >= 1e-3 && magnitude <= 1e6)) {
        throw new UsageException("--magnitude: expected from 0.001 to 1e6, got " + magnitude);
      }
    }
    try (Run run = Run.open(spec, options)) {
      List<Certified> rows = certify(run);
      report(rows, run);
      return exitCode(rows);
    }
  }

  /** 1 if an objective on differences was changed by a shift. */
  static int exitCode(List<Certified> rows) {
    return rows.stream().anyMatch(Certified::broken) ? BROKEN : 0;
  }

  private List<Certified> certify(Run run) {
    List<Certified> rows = new ArrayList<>();
    CertifiedPolicy.Settings settings =
        new CertifiedPolicy.Settings(steps, responses, options.seed());
    try (Console.Stage stage =
        run.console().stage("certify", (long) objectives.size() * policies.size())) {
      for (CertifiedPolicy policy : policies) {
        for (Objective objective : objectives) {
          if (run.stopped()) {
            return rows;
          }
          Learner learner = objective.learner();
          TranslationCertificate.run(shift -> policy.train(learner, settings, shift), magnitudes)
              .forEach(
                  comparison ->
                      rows.add(
                          new Certified(
                              objective.toString(),
                              policy.toString(),
                              learner.rewardView(),
                              comparison)));
          stage.step(objective + ", " + policy);
        }
      }
    }
    return rows;
  }

  private static void report(List<Certified> rows, Run run) {
    run.console().print(Certified.table(rows).toString());
    run.directory().json("certificate.json", rows);
    run.directory().text("certificate.csv", Certified.csv(rows));
    long broken = rows.stream().filter(Certified::broken).count();
    run.console()
        .print(
            broken == 0
                ? "Every objective on differences ended with the same bits, whatever the shift."
                : broken + " runs of objectives on differences were changed by a shift.");
    run.console()
        .print(
            String.format(
                Locale.ROOT,
                "Done in %.0f s. Certificate: %s",
                run.seconds(),
                run.directory().resolve("certificate.json")));
  }
}
