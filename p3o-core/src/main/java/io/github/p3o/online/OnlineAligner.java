package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.IoProblem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * A policy that learns from the users whom it serves. Feedback is journaled; a thread trains on it
 * in batches, in the order of the journal, and serves each new version that passes the gate; a
 * version can be rolled back to an earlier one.
 *
 * <p>Feedback that was {@link Offer#ACCEPTED} is on the disk, and each is trained on once, in its
 * turn, also when the process is killed at any moment: what is trained follows from the journal
 * alone, to the bit. All methods may be called from any thread.
 *
 * <pre>{@code
 * OnlineAligner aligner = OnlineAligner.builder(policy, P3OLoss.v2(), Path.of("online"))
 *     .config(config).evaluation(copy -> goldReward(copy), 0.5).open();
 * Samples samples = aligner.serve(version -> sample(version.policy(), prompt));
 * aligner.offer(Feedback.preference("17", prompt, samples.responses(), logProbs, 0));
 * }</pre>
 */
public final class OnlineAligner implements AutoCloseable {

  /** What became of a piece of feedback. */
  public enum Offer {
    /** It is on the disk and will be trained on. */
    ACCEPTED,
    /** Its id was accepted before: nothing more was kept. The first is on the disk. */
    REPEATED,
    /** Nothing was kept: too many wait already. Offer it again later. */
    FULL
  }

  private final TrainerConfig config;
  private final int capacity;
  private final FeedbackCheck check;
  private final Journal journal;
  private final OnlineTraining training;
  private final Thread thread;

  @GuardedBy("this")
  private @Nullable Rollback rollback;

  /** What it is in place of an open one. */
  @GuardedBy("this")
  private @Nullable String ended;

  private record Rollback(long version, CompletableFuture<Void> done) {}

  private OnlineAligner(Builder builder) {
    config = builder.config;
    capacity = builder.capacity;
    checkArgument(
        config.ratioCheck() == RatioCheck.OFF,
        "ratioCheck: expected OFF, since the versions that are served are older than the policy"
            + " that is trained, got %s",
        config.ratioCheck());
    checkArgument(
        config.rolloutsAhead() == 0,
        "rolloutsAhead: expected 0, since rollouts come from users, got %s",
        config.rolloutsAhead());
    checkArgument(
        capacity >= config.promptsPerStep(),
        "capacity: expected at least promptsPerStep %s, got %s",
        config.promptsPerStep(),
        capacity);
    try {
      Files.createDirectories(builder.directory);
    } catch (IOException e) {
      throw IoProblem.of(builder.directory, e);
    }
    check = new FeedbackCheck(builder.policy);
    boolean whole = false;
    try {
      Path feedback = builder.directory.resolve("feedback");
      journal = Journal.open(feedback, builder.journalFileBytes, builder.disk);
      training = training(builder, journal);
      whole = true;
    } finally {
      if (!whole) {
        check.close();
      }
    }
    thread = new Thread(this::run, "p3o-online");
    thread.setDaemon(true); // close waits for it; a host that forgets to shall end all the same
    thread.start();
  }

  /** Closes the journal if it cannot be trained on. */
  private static OnlineTraining training(Builder builder, Journal journal) {
    boolean whole = false;
    try {
      OnlineTraining training = new OnlineTraining(builder, journal);
      whole = true;
      return training;
    } finally {
      if (!whole) {
        journal.close();
      }
    }
  }

  /**
   * A builder of an aligner.
   *
   * @param policy as it was when the directory was first used: the reference; it is trained in
   *     place by another thread and not to be used until {@link #close}; offers try feedback on a
   *     frozen copy of it, by one thread at a time; stays the caller's to close
   * @param loss the objective, such as {@code P3OLoss.v2()}
   * @param directory for the journal, the versions and the checkpoints; one aligner at a time
   * @return a new builder
   */
  public static Builder builder(Policy policy, PolicyLoss loss, Path directory) {
    return new Builder(policy, loss, directory);
  }

  /**
   * Takes feedback; returns when it is on the disk. Several threads at once wait for one flush. Who
   * got no answer offers the same again, with the same id: it is kept once, if it is among the last
   * 8 MiB of what was trained on, or waits.
   *
   * @param feedback of as many responses as the configuration says
   * @return whether it was kept
   * @throws IllegalArgumentException if the policy does not know its ids, it is too long, the
   *     policy cannot be fed with it, whose exception is then the cause, or a number is beyond what
   *     {@link Feedback} says
   * @throws UncheckedIOException if the disk fails; it may have been kept then
   * @throws IllegalStateException after {@link #close}, after the disk failed, or after the
   *     training ended for good, with the reason
   */
  public Offer offer(Feedback feedback) {
    Given.notNull("feedback", "feedback", feedback);
    int k = feedback.responses().size();
    checkArgument(
        k == config.responsesPerPrompt(),
        "responses: expected %s, got %s",
        config.responsesPerPrompt(),
        k);
    feedback.checkBounds();
    synchronized (this) {
      checkOpen();
    }
    check.check(feedback);
    Offer answer = journal.append(feedback, training.trained() + capacity);
    synchronized (this) {
      notifyAll();
    }
    return answer;
  }

  /**
   * Uses the version that is served now. One call runs at a time, since a policy is confined to one
   * thread at a time; the version stays the same within a call.
   *
   * @param use must not keep the policy
   * @param <T> what it returns
   * @return what {@code use} returned
   * @throws IllegalStateException after {@link #close}
   */
  public <T> T serve(Function<ServedVersion, T> use) {
    return training.served().use(use);
  }

  /**
   * Serves an earlier version again, and trains on from it; feedback that was trained on since is
   * not trained on again. Waits for the step under way. Takes away what stopped the training, if
   * anything did: if the training on a batch of feedback threw it, and not what judges or saves the
   * new version, that batch is skipped, with a warning, and counted by {@link
   * OnlineStatus#skipped}; after what passes, such as a lack of memory, to open the directory again
   * in place of a rollback trains on that batch again. If the rollback cannot be saved, training
   * stands until it is asked for again, or until the directory is opened again, as before it then.
   *
   * @param version one of {@link OnlineStatus#versions}
   * @throws IllegalArgumentException if there is no such version
   * @throws IllegalStateException after {@link #close}, or after the training ended for good, with
   *     the reason; within {@link #serve} or the evaluation, which it would wait for
   */
  public void rollback(long version) {
    checkOutside("rollback");
    Rollback asked = new Rollback(version, new CompletableFuture<>());
    synchronized (this) {
      checkOpen();
      checkState(rollback == null, "rollback: expected one at a time, got another");
      rollback = asked;
      notifyAll();
    }
    try {
      asked.done().join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw e;
    }
  }

  private void checkOutside(String call) {
    checkState(
        Thread.currentThread() != thread && !training.served().isUsedHere(),
        "%s: expected outside of serve and of the evaluation, got within one, which it waits for",
        call);
  }

  /**
   * How it is going.
   *
   * @return a moment's view
   */
  public OnlineStatus status() {
    return training.status();
  }

  @GuardedBy("this")
  private void checkOpen() {
    checkState(ended == null, "aligner: expected an open one, got %s", ended);
  }

  private void run() {
    try {
      work();
      end("a closed one");
    } catch (Throwable e) { // or offers would be accepted, and rollbacks wait, for ever
      end("one whose training ended: " + e);
      training.failed(e);
    }
  }

  /** Nobody answers a rollback any more. */
  private synchronized void end(String how) {
    if (ended == null) {
      ended = how;
    }
    if (rollback != null) {
      String message = "aligner: expected an open one, got " + ended;
      rollback.done().completeExceptionally(new IllegalStateException(message));
    }
  }

  private void work() {
    while (true) {
      Rollback asked;
      synchronized (this) {
        while (ended == null && rollback == null && !training.hasWork()) {
          try {
            wait();
          } catch (InterruptedException e) {
            return; // nobody but a host that ends all threads interrupts this one
          }
        }
        if (ended != null) {
          return;
        }
        asked = rollback;
        rollback = null;
      }
      if (asked == null) {
        training.step();
      } else {
        rollBack(asked);
      }
    }
  }

  private void rollBack(Rollback asked) {
    try {
      training.rollback(asked.version());
      asked.done().complete(null);
    } catch (Throwable e) { // also what the compiler does not know of: somebody waits for it
      asked.done().completeExceptionally(e);
    }
  }

  /**
   * Ends after the step under way; feedback that waits is trained on when the directory is opened
   * again.
   *
   * @throws IllegalStateException within {@link #serve} or the evaluation, which it would wait for
   */
  @Override
  public void close() {
    checkOutside("close");
    synchronized (this) {
      ended = "a closed one";
      notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // native memory is freed below: the thread must be gone
      }
    }
    journal.close();
    training.close();
    check.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Collects what an {@link OnlineAligner} needs. */
  public static final class Builder {
    final Policy policy;
    final PolicyLoss loss;
    final Path directory;
    TrainerConfig config = TrainerConfig.builder().ratioCheck(RatioCheck.OFF).build();
    int capacity = 10_000;
    int versionsKept = 5;
    double maxKl = 10;
    double leastValue = Double.NEGATIVE_INFINITY;
    ToDoubleFunction<Policy> evaluation = candidate -> 0;
    long journalFileBytes = Journal.FILE_BYTES; // tests have smaller files,
    DiskFile.Opener disk = DiskFile::new; // and disks that fail

    private Builder(Policy policy, PolicyLoss loss, Path directory) {
      this.policy = Given.notNull("policy", "a policy", policy);
      this.loss = Given.notNull("loss", "an objective", loss);
      this.directory = Given.notNull("directory", "a path", directory);
    }

    /**
     * Sets the configuration.
     *
     * @param config with {@code ratioCheck} OFF; {@code promptsPerStep} is how much feedback is
     *     trained on at a time
     * @return this
     */
    public Builder config(TrainerConfig config) {
      this.config = Given.notNull("config", "a configuration", config);
      return this;
    }

    /**
     * Sets how much feedback may wait.
     *
     * @param capacity at least {@code promptsPerStep}; 10,000 by default
     * @return this
     */
    public Builder capacity(int capacity) {
      this.capacity = capacity;
      return this;
    }

    /**
     * Sets how many versions are kept to roll back to: the newest. Those that the last two
     * checkpoints serve are kept too, if they are older.
     *
     * @param versionsKept ≥ 2, 5 by default
     * @return this
     * @throws IllegalArgumentException if below 2
     */
    public Builder versionsKept(int versionsKept) {
      checkArgument(versionsKept >= 2, "versionsKept: expected at least 2, got %s", versionsKept);
      this.versionsKept = versionsKept;
      return this;
    }

    /**
     * Sets how far from the reference a version may be.
     *
     * @param maxKl nats per response, &gt; 0; 10 by default. Estimated on the batch that it was
     *     last trained on: Σ w d / Σ w, with d = log π − log π_ref, and w = π/π_old, which makes up
     *     for the batch having come from older versions
     * @return this
     * @throws IllegalArgumentException if not above 0
     */
    public Builder maxKl(double maxKl) {
      checkArgument(maxKl > 0, "maxKl: expected a number > 0, got %s", maxKl);
      this.maxKl = maxKl;
      return this;
    }

    /**
     * Sets a test that a version must pass before it is served.
     *
     * @param evaluation higher is better; is given a policy, on the training thread, and must not
     *     keep it; an exception refuses the version, an {@link Error} stops training until a
     *     rollback
     * @param least what a version must reach
     * @return this
     * @throws IllegalArgumentException if {@code least} is not a number
     */
    public Builder evaluation(ToDoubleFunction<Policy> evaluation, double least) {
      checkArgument(!Double.isNaN(least), "least: expected a number, got %s", least);
      this.evaluation = Given.notNull("evaluation", "a function", evaluation);
      this.leastValue = least;
      return this;
    }

    /**
     * Opens the directory, takes up what was left there, and begins.
     *
     * @return the aligner; the caller closes it
     * @throws IllegalArgumentException if a setting is not as said, or not as when the directory
     *     was last used
     * @throws IllegalStateException if another aligner has the directory open, or the policy
     * @throws UncheckedIOException if the journal cannot be read, or was altered
     */
    public OnlineAligner open() {
      return new OnlineAligner(this);
    }
  }
}
