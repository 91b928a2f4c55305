package io.github.p3o.examples;

import io.github.p3o.examples.align.AlignCommand;
import io.github.p3o.examples.evidence.CertifyCommand;
import io.github.p3o.examples.evidence.TournamentCommand;
import io.github.p3o.examples.language.GenerateCommand;
import io.github.p3o.examples.quickstart.QuickstartCommand;
import io.github.p3o.examples.report.ReportCommand;
import io.github.p3o.examples.study.ExperimentCommand;
import io.github.p3o.examples.supervised.RewardCommand;
import io.github.p3o.examples.supervised.SftCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The p3o command: a choice of others. */
@Command(
    name = "p3o",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    header = "Aligns language models with pairwise feedback (P3O, arXiv 2310.00212).",
    footer = {
      "  p3o quickstart                  the whole way, in minutes",
      "  p3o generate --policy DIR       what a model writes",
      "  p3o align --help                all options of a command"
    },
    subcommands = {
      QuickstartCommand.class,
      SftCommand.class,
      RewardCommand.class,
      AlignCommand.class,
      ResumeCommand.class,
      GenerateCommand.class,
      TournamentCommand.class,
      ReportCommand.class,
      CertifyCommand.class,
      ExperimentCommand.class
    })
final class P3oCommand implements Runnable {

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "expected a command: " + String.join(", ", spec.subcommands().keySet()));
  }
}
