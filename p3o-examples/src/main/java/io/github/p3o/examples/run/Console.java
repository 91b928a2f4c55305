package io.github.p3o.examples.run;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * What a person sees: results on standard output; what is going on, on standard error, as a
 * progress bar on a terminal and as plain lines elsewhere.
 */
public final class Console {

  /** In plain lines: at most one in so many seconds, and the last. */
  private static final double SECONDS_BETWEEN_LINES = 5;

  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean bars;

  public Console(PrintWriter out, PrintWriter err, boolean bars) {
    this.out = out;
    this.err = err;
    this.bars = bars;
  }

  /** Whether a person is likely to watch a terminal that redraws lines. */
  @SuppressWarnings("SystemConsoleNull") // null up to JDK 21; what comes after is asked below
  static boolean isTerminal() {
    return System.console() != null
        && consoleIsTerminal()
        && System.getenv("CI") == null
        && !"dumb".equals(System.getenv("TERM"));
  }

  /** From JDK 22 on there is a console where there is no terminal, and it can tell. */
  private static boolean consoleIsTerminal() {
    try {
      Object answer = java.io.Console.class.getMethod("isTerminal").invoke(System.console());
      return Boolean.TRUE.equals(answer);
    } catch (NoSuchMethodException e) {
      return true;
    } catch (ReflectiveOperationException e) {
      return false;
    }
  }

  /** A line of result. */
  public void print(String line) {
    out.println(line);
    out.flush();
  }

  /** A line about what is going on. */
  public void note(String line) {
    err.println(line);
    err.flush();
  }

  /** Begins a stage of so many equal parts of work. */
  public Stage stage(String name, long total) {
    return stage(name, total, 0);
  }

  /** Begins a stage of which some parts were done before. */
  public Stage stage(String name, long total, long done) {
    return new Stage(name, total, done);
  }

  /** A stage of work; closing it prints what it took. */
  public final class Stage implements AutoCloseable {
    private final String name;
    private final long total;
    private final long began = System.nanoTime();
    private final @Nullable ProgressBar bar;
    private String status = "";
    private long done;
    private double printedAt;

    private Stage(String name, long total, long done) {
      this.done = done;
      this.name = name;
      this.total = total;
      this.bar = bars ? bar(name, total, done) : null;
    }

    private static ProgressBar bar(String name, long total, long done) {
      return new ProgressBarBuilder()
          .setTaskName(String.format(Locale.ROOT, "%-14s", name))
          .setInitialMax(total)
          .startsFrom(done, Duration.ZERO)
          .setStyle(ProgressBarStyle.ASCII)
          .setUpdateIntervalMillis(200)
          .clearDisplayOnFinish()
          .build();
    }

    /** One part is done; the status says how it goes, in a few words. */
    public void step(String status) {
      this.status = status;
      done++;
      if (bar != null) {
        bar.setExtraMessage(status);
        bar.step();
      } else if (done < total && seconds() - printedAt >= SECONDS_BETWEEN_LINES) {
        printedAt = seconds();
        line();
      }
    }

    /** Seconds since the stage began. */
    double seconds() {
      return (System.nanoTime() - began) / 1e9;
    }

    private void line() {
      note(
          String.format(
              Locale.ROOT, "%-14s %5d/%-5d %6.1f s  %s", name, done, total, seconds(), status));
    }

    @Override
    public void close() {
      if (bar != null) {
        bar.close();
      }
      line();
    }
  }
}
