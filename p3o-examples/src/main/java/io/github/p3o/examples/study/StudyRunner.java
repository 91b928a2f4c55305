package io.github.p3o.examples.study;

import com.google.common.collect.HashMultiset;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Multiset;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.channels.FileLock;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Optional;

/** Does the jobs of a plan, one after the other, beside other processes that do the same. */
final class StudyRunner {

  /** A job that fails is tried again, once. */
  private static final int ATTEMPTS = 2;

  private static final long MILLISECONDS_BETWEEN_LOOKS = 1000;

  private final StudyDirectory directory;
  private final Console console;
  private final Multiset<String> attempts = HashMultiset.create();

  StudyRunner(StudyDirectory directory, Console console) {
    this.directory = directory;
    this.console = console;
  }

  /** How a plan ended. */
  enum End {
    /** Every job is done. */
    DONE,
    /** Some have failed. */
    FAILED,
    /** The user has stopped it. */
    INTERRUPTED
  }

  /** Does what is not done yet; waits for what other processes do. */
  End run(StudyPlan plan) {
    while (true) {
      ImmutableList<Job> open = plan.open(this::isSettled);
      if (open.isEmpty()) {
        return attempts.entrySet().stream().anyMatch(entry -> entry.getCount() == ATTEMPTS)
            ? End.FAILED
            : End.DONE;
      }
      Optional<Boolean> goesOn = doOne(open);
      if (goesOn.isEmpty() && !sleep()) {
        return End.INTERRUPTED;
      }
      if (goesOn.isPresent() && !goesOn.get()) {
        return End.INTERRUPTED;
      }
    }
  }

  private boolean isSettled(Job job) {
    return directory.isDone(job) || attempts.count(job.path()) == ATTEMPTS;
  }

  /** Whether to go on; empty if other processes do all that can be done now. */
  private Optional<Boolean> doOne(ImmutableList<Job> open) {
    for (Job job : open) {
      Optional<FileLock> claimed = directory.claim(job);
      if (claimed.isPresent()) {
        try (FileLock held = claimed.get()) {
          // it may have been done between the look and the lock
          return Optional.of(directory.isDone(job) || attempt(job, open.size() - 1));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
    return Optional.empty();
  }

  private static boolean sleep() {
    try {
      Thread.sleep(MILLISECONDS_BETWEEN_LOOKS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** False if the user has stopped it. */
  private boolean attempt(Job job, int others) {
    try {
      double seconds = run(job);
      if (Double.isNaN(seconds)) {
        return false;
      }
      directory.finish(job, seconds);
      console.note(
          String.format(
              Locale.ROOT, "%6.1f s  %s, %d more to do now", seconds, job.path(), others));
    } catch (RuntimeException e) {
      attempts.add(job.path());
      directory.failed(job, e);
      console.note("failed: " + job.path() + ": " + e);
    }
    return true;
  }

  /** Its seconds, NaN if the user has stopped it. */
  private double run(Job job) {
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    try (Run run =
        Run.open(
            directory.begin(job),
            new Console(nowhere, nowhere, false),
            new LinkedHashMap<>(job.settings()))) {
      job.work().run(run);
      return run.stopped() ? Double.NaN : run.seconds();
    }
  }
}
