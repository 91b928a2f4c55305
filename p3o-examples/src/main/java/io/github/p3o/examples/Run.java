package io.github.p3o.examples;

import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * One run of a command: its directory, what is shown of it, and whether the user has asked it to
 * stop. After Ctrl-C training loops end early, and what they have made is measured and saved as
 * usual.
 */
final class Run implements AutoCloseable {

  /** Long enough to evaluate and write a model; then the process ends all the same. */
  private static final long SECONDS_TO_FINISH = 120;

  private final RunDirectory directory;
  private final Console console;
  private final Map<String, Object> description;
  private final long began = System.nanoTime();
  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread onExit = new Thread(this::stop, "p3o-stop");
  private volatile boolean stopped;

  private Run(RunDirectory directory, Console console, Map<String, Object> description) {
    this.directory = directory;
    this.console = console;
    this.description = description;
  }

  /** Makes the run directory and writes run.json. */
  static Run open(CommandSpec spec, RunOptions options) {
    Path path =
        options.out != null
            ? options.out
            : Path.of(
                "runs",
                spec.name()
                    + "-"
                    + LocalDateTime.now(ZoneId.systemDefault())
                        .format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")));
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("command", spec.qualifiedName());
    description.put("options", optionsOf(spec));
    description.put("environment", Provenance.all());
    return open(path, console(spec, options), description);
  }

  /** Makes a run directory. */
  static Run open(Path path, Console console, Map<String, Object> description) {
    Run run = new Run(RunDirectory.create(path), console, description);
    run.directory.json("run.json", description);
    Runtime.getRuntime().addShutdownHook(run.onExit);
    return run;
  }

  /** What is shown of a command. */
  static Console console(CommandSpec spec, RunOptions options) {
    boolean bars =
        switch (options.progress) {
          case AUTO -> Console.isTerminal();
          case BAR -> true;
          case LINES -> false;
        };
    return new Console(spec.commandLine().getOut(), spec.commandLine().getErr(), bars);
  }

  /** The value of every option, given or by default. */
  private static Map<String, String> optionsOf(CommandSpec spec) {
    Map<String, String> values = new TreeMap<>();
    for (OptionSpec option : spec.options()) {
      if (!option.usageHelp() && !option.versionHelp()) {
        values.put(option.longestName(), text(option));
      }
    }
    return values;
  }

  private static String text(ArgSpec option) {
    Object value = option.getValue();
    return value == null ? "" : String.valueOf(value);
  }

  /** The directory of this run. */
  RunDirectory directory() {
    return directory;
  }

  /** What a person sees of this run. */
  Console console() {
    return console;
  }

  /** Adds to run.json. */
  void describe(String name, Object value) {
    description.put(name, value);
    directory.json("run.json", description);
  }

  /** Whether loops shall end early. */
  boolean stopped() {
    return stopped;
  }

  private void stop() {
    stopped = true;
    console.note("p3o: stopping after this step; what there is will be saved");
    try {
      if (!finished.await(SECONDS_TO_FINISH, TimeUnit.SECONDS)) {
        console.note("p3o: stopped before everything was saved");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Seconds since the run began. */
  double seconds() {
    return (System.nanoTime() - began) / 1e9;
  }

  @Override
  public void close() {
    describe("seconds", Double.valueOf(String.format(Locale.ROOT, "%.1f", seconds())));
    directory.close();
    finished.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(onExit);
    } catch (IllegalStateException e) {
      // the process is ending already, and waits in that very hook
    }
  }
}
