package io.github.p3o.examples.run;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
 * stop. After Ctrl-C training loops end after the current step: with a checkpoint where the run can
 * be resumed, elsewhere what they have made is measured and saved as usual.
 */
public final class Run implements AutoCloseable {

  /** The file that describes a run. */
  public static final String DESCRIPTION = "run.json";

  /** In it: what the command line was. */
  public static final String ARGUMENTS = "arguments";

  /**
   * The exit code of a run that was interrupted and can be resumed: as of a shell, 128 + SIGINT.
   */
  public static final int INTERRUPTED = 130;

  private static final String ENVIRONMENT = "environment";
  private static final String SECONDS = "seconds";

  /** Long enough to evaluate and write a model; then the process ends all the same. */
  private static final long SECONDS_TO_FINISH = 120;

  private final RunDirectory directory;
  private final Console console;
  private final Map<String, Object> description;
  private final long began = System.nanoTime();
  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread onExit = new Thread(this::stop, "p3o-stop");
  private final boolean resumed;
  private final List<ShownTable> tables = new ArrayList<>();
  private final double secondsBefore;
  private volatile boolean stopped;
  private boolean interrupted;

  private Run(
      RunDirectory directory, Console console, Map<String, Object> description, boolean resumed) {
    this.resumed = resumed;
    this.directory = directory;
    this.console = console;
    this.description = description;
    this.secondsBefore =
        resumed && description.get(SECONDS) instanceof Number before ? before.doubleValue() : 0;
  }

  /** Makes the run directory and writes run.json, or takes up the run that is resumed. */
  public static Run open(CommandSpec spec, RunOptions options, CheckpointOptions checkpoints) {
    return checkpoints.resume == null
        ? open(spec, options)
        : reopen(checkpoints.resume, console(spec, options.display()));
  }

  private static Run reopen(Path path, Console console) {
    RunDirectory directory = RunDirectory.reopen(path);
    Run run = new Run(directory, console, readDescription(directory), true);
    Map<String, Object> description = run.description;
    Object before = description.get(ENVIRONMENT);
    Provenance.all()
        .forEach(
            (name, now) -> {
              if (before instanceof Map<?, ?> map && !now.equals(map.get(name))) {
                console.note(
                    String.format(
                        Locale.ROOT,
                        "p3o: %s was %s and is %s: results may differ in their last digits",
                        name,
                        map.get(name),
                        now));
              }
            });
    Runtime.getRuntime().addShutdownHook(run.onExit);
    return run;
  }

  private static Map<String, Object> readDescription(RunDirectory directory) {
    try {
      return directory.readJson(DESCRIPTION);
    } catch (RuntimeException e) {
      directory.close();
      throw e;
    }
  }

  /** Makes the run directory and writes run.json. */
  public static Run open(CommandSpec spec, RunOptions options) {
    Path path =
        options.out() != null
            ? options.out()
            : Path.of(
                "runs",
                spec.name()
                    + "-"
                    + LocalDateTime.now(ZoneId.systemDefault())
                        .format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT)));
    return open(spec, path, options.display());
  }

  /** Makes a run directory of this path and writes run.json. */
  public static Run open(CommandSpec spec, Path path, DisplayOptions display) {
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("command", spec.qualifiedName());
    description.put(ARGUMENTS, spec.root().commandLine().getParseResult().originalArgs());
    description.put("options", optionsOf(spec));
    description.put(ENVIRONMENT, Provenance.all());
    return open(path, console(spec, display), description);
  }

  /** Makes a run directory. */
  public static Run open(Path path, Console console, Map<String, Object> description) {
    Run run = new Run(RunDirectory.create(path), console, description, false);
    run.directory.json(DESCRIPTION, description);
    Runtime.getRuntime().addShutdownHook(run.onExit);
    return run;
  }

  /** What is shown of a command. */
  public static Console console(CommandSpec spec, DisplayOptions options) {
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
  public RunDirectory directory() {
    return directory;
  }

  /** What a person sees of this run. */
  public Console console() {
    return console;
  }

  /** Adds to run.json. */
  public void describe(String name, Object value) {
    description.put(name, value);
    directory.json(DESCRIPTION, description);
  }

  /** Adds to run.json a digest of data that must be the same when the run is resumed. */
  @SuppressWarnings("UnstableApiUsage") // Guava's hashing is long stable in fact
  public void pin(String name, List<? extends Record> data) {
    Hasher hasher = Hashing.murmur3_128().newHasher();
    data.forEach(each -> hasher.putUnencodedChars(each.toString()));
    String value = data.size() + " " + hasher.hash();
    Object before = description.get(name);
    if (resumed && !value.equals(before)) {
      throw new UsageException(
          String.format(
              Locale.ROOT, "%s: expected %s as when the run began, got %s", name, before, value));
    }
    describe(name, value);
  }

  /** Prints a table, and keeps it for the report. */
  public void table(String heading, TextTable table, String note) {
    console.print("\n" + table + note);
    keep(heading, table, note);
  }

  /** Keeps a table for the report. */
  public void keep(String heading, TextTable table, String note) {
    tables.add(ShownTable.of(heading, table, note));
    directory.json(ShownTable.FILE, tables);
  }

  /** Prints how long it took, and where to look. */
  public void printDone(String where) {
    console.print(String.format(Locale.ROOT, "%nDone in %.0f s. ", seconds()) + where);
  }

  /** Adds to run.json how long it took so far. */
  public void describeTime() {
    describe(SECONDS, secondsInAll());
  }

  /** Whether this run began in another process. */
  public boolean resumed() {
    return resumed;
  }

  /** The user interrupted the run, and it can be resumed. */
  void interruptedAfter(long done, long steps) {
    interrupted = true;
    console.note(
        String.format(
            Locale.ROOT,
            "p3o: interrupted after step %d of %d; to go on: p3o resume %s",
            done,
            steps,
            Shell.word(directory.path())));
  }

  /** Whether a stage ended before its last step, so that there is no result. */
  public boolean interrupted() {
    return interrupted;
  }

  /** Whether loops shall end early. */
  public boolean stopped() {
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
  public double seconds() {
    return (System.nanoTime() - began) / 1e9;
  }

  /** In this process and those that it goes on from, to a tenth. */
  private double secondsInAll() {
    return Math.round(10 * (secondsBefore + seconds())) / 10.0;
  }

  @Override
  public void close() {
    describeTime();
    directory.close();
    finished.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(onExit);
    } catch (IllegalStateException e) {
      // the process is ending already, and waits in that very hook
    }
  }
}
