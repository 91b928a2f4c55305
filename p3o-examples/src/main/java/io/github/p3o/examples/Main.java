package io.github.p3o.examples;

import io.github.p3o.examples.run.UsageException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The {@code p3o} command line. Exit codes: 0 done, 1 failed, 2 asked for what cannot be, 130
 * interrupted.
 */
public final class Main {

  private Main() {}

  /**
   * Runs a command and ends the process.
   *
   * @param args see {@code p3o --help}
   */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The command line, for main and for tests. */
  static CommandLine commandLine() {
    CommandLine commandLine =
        new CommandLine(new P3oCommand())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setUsageHelpAutoWidth(true)
            .setParameterExceptionHandler(Main::misunderstood)
            .setExecutionExceptionHandler(Main::failed);
    commandLine.getSubcommands().values().forEach(each -> Choices.register(each, commandLine));
    tidyHelp(commandLine);
    commandLine.getSubcommands().values().forEach(Main::tidyHelp);
    return commandLine;
  }

  private static void tidyHelp(CommandLine command) {
    CommandSpec spec = command.getCommandSpec().versionProvider(new VersionProvider());
    UsageMessageSpec help = spec.usageMessage();
    help.abbreviateSynopsis(true).sortOptions(false);
    help.optionListHeading("%nOptions:%n").commandListHeading("%nCommands:%n");
    help.footerHeading("%nExamples:%n");
  }

  private static int misunderstood(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    // A mistyped required option is missing, too; what was typed says more.
    List<String> unknown = command.getUnmatchedArguments();
    ParameterException shown =
        unknown.isEmpty() || e instanceof UnmatchedArgumentException
            ? e
            : new UnmatchedArgumentException(command, unknown);
    PrintWriter err = command.getErr();
    err.println("p3o: " + shown.getMessage());
    UnmatchedArgumentException.printSuggestions(shown, err);
    err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
    return ExitCode.USAGE;
  }

  private static int failed(Exception e, CommandLine command, ParseResult parsed) {
    String reason = reason(e);
    String asked = OptionErrors.asOption(reason, command.getCommandSpec());
    if (parsed.expandedArgs().contains("--stacktrace")) {
      e.printStackTrace(command.getErr());
    } else {
      command.getErr().println("p3o: " + asked);
    }
    return e instanceof UsageException || !asked.equals(reason)
        ? ExitCode.USAGE
        : ExitCode.SOFTWARE;
  }

  /** Messages that name parameter, rule and value speak for themselves; others need their type. */
  private static String reason(Exception e) {
    boolean clear =
        e instanceof IllegalArgumentException
            || saysMoreThanItsCause(e)
            || e.getClass().getPackageName().startsWith("io.github.p3o");
    return clear && e.getMessage() != null ? e.getMessage() : e + " (--stacktrace shows where)";
  }

  private static boolean saysMoreThanItsCause(Exception e) {
    return e instanceof UncheckedIOException
        && !String.valueOf(e.getCause()).equals(e.getMessage());
  }
}
