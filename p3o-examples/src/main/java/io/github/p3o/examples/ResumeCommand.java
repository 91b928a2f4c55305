package io.github.p3o.examples;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.p3o.examples.run.HelpOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunFiles;
import io.github.p3o.examples.run.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code p3o resume}. */
@Command(
    name = "resume",
    header = "Goes on with a run of sft, reward or align that was interrupted or died.",
    description = {
      "",
      "The options are those of the run, from its run.json; relative paths are taken from the"
          + " current directory. It goes on from the newest checkpoint, and ends with the same"
          + " model as if nothing had happened. Ctrl-C ends a run after the current step, with a"
          + " checkpoint and exit code 130."
    },
    footer = {"  p3o resume runs/align-20260101-120000"})
final class ResumeCommand implements Callable<Integer> {

  private static final Set<String> RESUMABLE = Set.of("sft", "reward", "align");

  @Parameters(paramLabel = "DIR", description = "The run directory.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path directory;

  @Option(
      names = "--micro-batch",
      paramLabel = "N",
      description =
          "For a run that ran out of memory: fewer prompts or sequences whose gradients are"
              + " computed at once. The last digits of the result may differ.")
  private @Nullable Integer microBatch;

  @Mixin
  @SuppressWarnings("unused") // picocli reads it
  private final HelpOptions help = new HelpOptions();

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    List<String> arguments = arguments();
    arguments.add("--resume");
    arguments.add(directory.toString());
    CommandLine commandLine = Main.commandLine();
    if (microBatch != null) {
      arguments.addAll(List.of("--micro-batch", microBatch.toString())); // the last one counts
      commandLine.setOverwrittenOptionsAllowed(true);
    }
    commandLine.setOut(spec.commandLine().getOut()).setErr(spec.commandLine().getErr());
    return commandLine.execute(arguments.toArray(String[]::new));
  }

  /** The arguments of the run, the command first. */
  private List<String> arguments() {
    RunFiles files = new RunFiles(directory);
    if (!files.has(Run.DESCRIPTION)) {
      throw new UsageException(
          "DIR: expected a run directory with a " + Run.DESCRIPTION + ", got " + directory);
    }
    JsonNode run = files.json(Run.DESCRIPTION);
    List<String> arguments = new ArrayList<>();
    run.path(Run.ARGUMENTS).forEach(argument -> arguments.add(argument.asText()));
    if (arguments.isEmpty() || !RESUMABLE.contains(arguments.get(0))) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "DIR: expected a run of p3o sft, reward or align, got %s of %s",
              directory,
              run.path("command").asText("nothing")));
    }
    return arguments;
  }
}
