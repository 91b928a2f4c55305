package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.base.Throwables;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.RandomStreams;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rollouts that are drawn ahead of the updates, by one thread. That of step t is drawn by the
 * policy as it was after step t − n, neither older nor newer, so that the run does not depend on
 * which thread was faster: same seed, same bits. Asking for a rollout lets the thread begin one
 * more; so there are never more than n + 1.
 *
 * <p>Everything that the thread uses is its own: frozen copies of the policy, of the reference, and
 * a scorer. It frees them when it ends.
 */
final class RolloutQueue implements Stateful, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RolloutQueue.class);

  /** How long to wait for a sampler or reward model that was interrupted. */
  private static final long CLOSE_SECONDS = 10;

  /** A rollout that is asked for, drawn, or failed. */
  private static final class Entry {
    final long step;
    final long policyStep;
    @Nullable Policy policy; // until the rollout is there
    RolloutSource.@Nullable Scored rollout;
    @Nullable Throwable failure;
    boolean failureTold;

    Entry(long step, long policyStep) {
      this.step = step;
      this.policyStep = policyStep;
    }

    void closePolicy() {
      if (policy != null) {
        policy.close();
        policy = null;
      }
    }
  }

  private final Policy policy;
  private final Function<Policy, PairSampler> samplerOfCopy;
  private final TrainerConfig config;
  private final Thread thread;

  /** Oldest first. */
  @GuardedBy("this")
  private final Deque<Entry> entries = new ArrayDeque<>();

  @GuardedBy("this")
  private long asked;

  @GuardedBy("this")
  private boolean drawing;

  /** Nothing new is begun. */
  @GuardedBy("this")
  private boolean resting;

  @GuardedBy("this")
  private boolean closed;

  /**
   * Starts the thread.
   *
   * @param policy is copied, on the trainer's thread, each time a rollout is asked for
   * @param samplerOfCopy how to sample from a copy
   * @param reference a copy that the thread owns
   * @param source made of a scorer of that copy
   */
  RolloutQueue(
      Policy policy,
      Function<Policy, PairSampler> samplerOfCopy,
      Policy reference,
      Function<PolicyScorer, RolloutSource> source,
      TrainerConfig config) {
    this.policy = policy;
    this.samplerOfCopy = samplerOfCopy;
    this.config = config;
    this.thread = new Thread(() -> run(reference, source), "p3o-rollouts");
    thread.setDaemon(true); // a trainer that nobody closes shall not keep the process alive
    thread.start();
  }

  /**
   * The rollout of a step, as soon as it is drawn; until {@link #done} the same again.
   *
   * @throws RuntimeException what the prompts, the sampler or the reward model threw; the next call
   *     has the same rollout drawn again
   */
  synchronized RolloutSource.Scored get(long step) {
    checkState(!closed, "trainer: expected an open one, got one that was closed");
    for (; asked <= step + config.rolloutsAhead(); asked++) {
      Entry entry = new Entry(asked, step);
      entry.policy = policy.frozenCopy();
      entries.add(entry);
    }
    Entry first = entries.element();
    awaitDrawn(first);
    RolloutSource.Scored rollout = first.rollout;
    checkState(rollout != null && first.step == step, "step: expected %s", first.step);
    return rollout;
  }

  /** Drops the rollout of a step that is done. */
  synchronized void done(long step) {
    Entry first = entries.remove();
    checkState(first.step == step, "step: expected %s, got %s", first.step, step);
  }

  @GuardedBy("this")
  private void awaitDrawn(Entry entry) {
    for (Entry each : entries) {
      if (each.failureTold) {
        each.failure = null;
        each.failureTold = false;
      }
    }
    notifyAll();
    while (entry.rollout == null && firstFailed() == null) {
      pause();
    }
    Entry failed = firstFailed();
    if (entry.rollout == null && failed != null && failed.failure != null) {
      failed.failureTold = true;
      failed.failure.addSuppressed(
          new IllegalStateException("while the rollout of step " + failed.step + " was drawn"));
      Throwables.throwIfUnchecked(failed.failure);
      throw new IllegalStateException(failed.failure);
    }
  }

  @GuardedBy("this")
  private @Nullable Entry firstFailed() {
    return entries.stream().filter(entry -> entry.failure != null).findFirst().orElse(null);
  }

  /** Until something has happened; at most a second, since the end of a thread wakes nobody. */
  @GuardedBy("this")
  @SuppressWarnings("WaitNotInLoop") // the callers loop
  private void pause() {
    checkState(thread.isAlive(), "rollouts: expected a running thread, got one that ended");
    try {
      wait(TimeUnit.SECONDS.toMillis(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for a rollout", e);
    }
  }

  private void run(Policy reference, Function<PolicyScorer, RolloutSource> makeSource) {
    int sequences = config.responsesPerPrompt() * config.promptsPerMicroBatch();
    try (reference;
        PolicyScorer scorer = new PolicyScorer(reference, sequences)) {
      RolloutSource source = makeSource.apply(scorer);
      for (Entry entry = next(); entry != null; entry = next()) {
        draw(entry, source);
      }
    } finally {
      end();
    }
  }

  /** The oldest that is not drawn; none after one that failed; null at the end. */
  private synchronized @Nullable Entry next() {
    try {
      while (!closed) {
        Entry next = entries.stream().filter(e -> e.rollout == null).findFirst().orElse(null);
        if (next != null && next.failure == null && !resting) {
          drawing = true;
          return next;
        }
        wait();
      }
    } catch (InterruptedException e) {
      LOG.debug("interrupted", e); // by close
    }
    return null;
  }

  @SuppressWarnings("Interruption") // nobody else interrupts this thread, and close waits for it
  private void draw(Entry entry, RolloutSource source) {
    RolloutSource.Scored rollout = null;
    Throwable failure = null;
    try {
      Policy copy = entry.policy;
      checkState(copy != null, "policy: expected a copy for step %s, got none", entry.step);
      rollout =
          source.draw(
              entry.step,
              entry.policyStep,
              Given.notNull("samplerOfCopy", "a sampler", samplerOfCopy.apply(copy)),
              RandomStreams.forStep(config.seed(), entry.step));
    } catch (RuntimeException | Error e) {
      failure = e; // step() throws it
    }
    synchronized (this) {
      drawing = false;
      entry.rollout = rollout;
      entry.failure = failure;
      if (rollout != null) {
        entry.closePolicy();
      }
      notifyAll();
    }
  }

  private synchronized void end() {
    drawing = false;
    entries.forEach(Entry::closePolicy);
    entries.clear();
    notifyAll();
  }

  /** Waits for the rollouts under way: their policies are gone after a restart. */
  @Override
  public synchronized String state() {
    checkState(!closed, "trainer: expected an open one, got one that was closed");
    if (!entries.isEmpty()) {
      awaitDrawn(entries.getLast());
    }
    return RolloutText.of(
        entries.stream().map(entry -> entry.rollout).filter(rollout -> rollout != null).toList());
  }

  @Override
  public synchronized void restore(String state) {
    List<RolloutSource.Scored> saved = RolloutText.read(state);
    checkState(!closed, "trainer: expected an open one, got one that was closed");
    dropAll();
    asked = 0;
    for (RolloutSource.Scored rollout : saved) {
      long step = rollout.batch().ids().get(0) / config.promptsPerStep();
      checkArgument(
          entries.isEmpty() || step == asked,
          "rolloutsAhead: expected step %s, got %s",
          asked,
          step);
      Entry entry = new Entry(step, rollout.policyStep());
      entry.rollout = rollout;
      entries.add(entry);
      asked = step + 1;
    }
  }

  /** The thread may be within one of them, whose copy of the policy it needs until it returns. */
  @GuardedBy("this")
  private void dropAll() {
    resting = true;
    while (drawing) {
      pause();
    }
    resting = false;
    entries.forEach(Entry::closePolicy);
    entries.clear();
  }

  /** Ends the thread: it is interrupted in what it does, and waited for. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    thread.interrupt();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      LOG.warn("{}: still within the sampler or reward model; it ends with that call", thread);
    }
  }
}
