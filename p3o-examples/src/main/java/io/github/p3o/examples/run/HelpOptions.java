package io.github.p3o.examples.run;

import picocli.CommandLine.Option;

/** Options of every command. */
public final class HelpOptions {

  @Option(order = 93, names = "--stacktrace", description = "Print the stack trace of an error.")
  @SuppressWarnings("unused") // Main looks for it among the arguments
  private boolean stacktrace;

  @Option(
      order = 98,
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  @SuppressWarnings("unused") // picocli reads it
  private boolean help;
}
