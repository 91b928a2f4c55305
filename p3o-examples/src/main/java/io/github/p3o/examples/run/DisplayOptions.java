package io.github.p3o.examples.run;

import com.google.common.base.Ascii;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of what is shown. */
public final class DisplayOptions {

  /** How progress is shown. */
  enum Progress {
    /** Bars on a terminal, lines elsewhere. */
    AUTO,
    /** Progress bars. */
    BAR,
    /** Plain lines. */
    LINES;

    @Override
    public String toString() {
      return Ascii.toLowerCase(name());
    }
  }

  @Option(
      order = 92,
      names = "--progress",
      paramLabel = "HOW",
      defaultValue = "auto",
      description =
          "${COMPLETION-CANDIDATES}: bars or plain lines; auto: bars on a terminal (default).")
  Progress progress = Progress.AUTO;

  @Mixin
  @SuppressWarnings("unused") // picocli reads it
  private final HelpOptions help = new HelpOptions();

  @Option(
      order = 99,
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Print the version and exit.")
  @SuppressWarnings("unused") // picocli reads it
  private boolean version;
}
