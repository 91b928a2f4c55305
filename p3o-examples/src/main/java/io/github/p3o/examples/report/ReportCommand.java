package io.github.p3o.examples.report;

import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.HelpOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunFiles;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.internal.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code p3o report}. */
@Command(
    name = "report",
    header = "Makes the report.html of a run or a study from its files.",
    description = {
      "",
      "Reads what is in the directory, also while the run goes on or after it has died, and writes"
          + " DIR/report.html: one page that needs no network."
    },
    footer = {"  p3o report runs/quickstart-20260101-120000"})
public final class ReportCommand implements Callable<Integer> {

  @Parameters(paramLabel = "DIR", description = "The directory of a run or a study.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path directory;

  @Option(
      names = "--show-samples",
      paramLabel = "N",
      description = "Prompts to show with their answers (default: as many as the run did).")
  private @Nullable Integer samples;

  @Mixin
  @SuppressWarnings("unused") // picocli reads it
  private final HelpOptions help = new HelpOptions();

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--show-samples", 0, samples);
    Path page = write(directory, samples == null ? -1 : samples);
    spec.commandLine().getOut().println("Report: " + page);
    return 0;
  }

  /**
   * Writes the page of a run or a study.
   *
   * @param samples how many prompts to show with their answers; negative for as many as the run did
   * @return the page
   */
  public static Path write(Path directory, int samples) {
    RunFiles files = new RunFiles(directory);
    boolean isStudy = files.has(StudyPage.DESCRIPTION);
    if (!isStudy && !files.has(Run.DESCRIPTION)) {
      throw new UsageException(
          "DIR: expected the directory of a run or a study, with a "
              + Run.DESCRIPTION
              + " or "
              + StudyPage.DESCRIPTION
              + ", got "
              + directory);
    }
    String html = isStudy ? StudyPage.html(files) : RunReport.html(files, samples);
    Path page = directory.resolve(RunReport.FILE);
    try {
      AtomicFile.write(page, html);
    } catch (IOException e) {
      throw new UncheckedIOException(page + ": " + e.getMessage(), e);
    }
    return page;
  }
}
