package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedSet;
import com.google.common.primitives.Longs;
import io.github.p3o.Checkpoint;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Resumable;
import io.github.p3o.Stateful;
import io.github.p3o.TrainingListener;
import io.github.p3o.internal.OneTrainer;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Steps on the journal's feedback: train, let the result through the gate or not, save. All but
 * {@link #status} and what {@link #served} gives belongs to one thread at a time.
 *
 * <p>A version is on the disk before it is served, and served before the checkpoint that says so; a
 * process that dies between trains the step again, to the same version. Old versions go after that
 * checkpoint: one that a checkpoint on the disk says is served is always there.
 */
final class OnlineTraining implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(OnlineTraining.class);

  /** One more than the newest, should that be altered. */
  private static final int CHECKPOINTS = 2;

  private static final String POSITION = "prompts";
  private static final String NUMBERS = "listeners[0]";
  private static final String REFERENCE = "reference";

  /** Remembers the last batch, and the numbers of versions. */
  private static final class Versions implements TrainingListener, Stateful {
    private @Nullable PairwiseBatch batch;
    private long served;
    private long newest;

    @Override
    public void onRollout(long step, PairwiseBatch rollout) {
      batch = rollout;
    }

    @Override
    public String state() {
      return served + " " + newest;
    }

    @Override
    public void restore(String state) {
      String[] parts = state.split(" ", 2);
      Long first = Longs.tryParse(parts[0]);
      Long second = parts.length < 2 ? null : Longs.tryParse(parts[1]);
      checkArgument(
          first != null && second != null && first >= 0 && second >= first,
          "versions: expected two numbers, got %s",
          state);
      served = first;
      newest = second;
    }
  }

  private final Policy policy;
  private final int batchSize;
  private final double maxKl;
  private final double leastValue;
  private final ToDoubleFunction<Policy> evaluation;
  private final Journal journal;
  private final FeedbackSource source;
  private final Versions versions = new Versions();
  private final VersionFiles files;
  private final Checkpoints checkpoints;
  private final P3OTrainer trainer;
  private final PolicyScorer scorer;
  private final Served served;
  private volatile OnlineStatus status;
  private long servedBySaved;
  private long skipped;
  private boolean batchFailed;
  private long refused;
  private @Nullable String lastRefusal;
  private volatile @Nullable String failure;

  OnlineTraining(OnlineAligner.Builder builder, Journal journal) {
    this.policy = builder.policy;
    this.batchSize = builder.config.promptsPerStep();
    this.maxKl = builder.maxKl;
    this.leastValue = builder.leastValue;
    this.evaluation = builder.evaluation;
    this.journal = journal;
    this.source = new FeedbackSource(journal);
    this.files = new VersionFiles(builder.directory.resolve("versions"), builder.versionsKept);
    this.checkpoints = new Checkpoints(builder.directory.resolve("checkpoints"), CHECKPOINTS);
    this.trainer =
        P3OTrainer.builder(policy, builder.loss)
            .prompts(source)
            .sampler(source::sample)
            .rewardModel(source::score)
            .config(builder.config)
            .listener(versions)
            .build();
    this.scorer =
        new PolicyScorer(
            policy, builder.config.responsesPerPrompt() * builder.config.promptsPerMicroBatch());
    boolean whole = false;
    try {
      OneTrainer.take(policy.parameters(), trainer);
      served = new Served(resume());
      status = view();
      whole = true;
    } finally {
      if (!whole) {
        closeTrainer();
      }
    }
  }

  /** The version that was served last, or the first; the trainer is where it was. */
  private ServedVersion resume() {
    Path found = checkpoints.resume(trainerFor(this::checkPolicy));
    long number = versions.served; // a version's file has the number of the one served before it
    if (found == null) {
      files.save(0, trainer);
      save();
    } else {
      files.load(number, trainer);
    }
    Policy copy = policy.frozenCopy();
    boolean whole = false;
    try {
      if (found != null) {
        checkpoints.resume(trainer);
        servedBySaved = number;
      }
      source.checkThere();
      whole = true;
      return new ServedVersion(number, copy);
    } finally {
      if (!whole) {
        copy.close();
      }
    }
  }

  /** The trainer, which takes a checkpoint as this function gives it. */
  private Resumable trainerFor(UnaryOperator<Checkpoint> change) {
    return new Resumable() {
      @Override
      public long stepsDone() {
        return trainer.stepsDone();
      }

      @Override
      public Checkpoint checkpoint() {
        return trainer.checkpoint();
      }

      @Override
      public void restore(Checkpoint saved) {
        trainer.restore(change.apply(saved));
      }
    };
  }

  /** The trainer would name its reference, which is not for the caller to choose. */
  private Checkpoint checkPolicy(Checkpoint saved) {
    String first = saved.settings().getOrDefault(REFERENCE, "none");
    String now = trainer.checkpoint().settings().getOrDefault(REFERENCE, "none");
    checkArgument(
        first.equals(now),
        "policy: expected the parameters with which the directory was first used, %s, whatever was"
            + " trained since, got %s",
        first,
        now);
    return saved;
  }

  /** Keeps what this checkpoint and the one before it need. */
  private void save() {
    checkpoints.save(trainer);
    source.saved();
    files.deleteOld(versions.newest, ImmutableSet.of(versions.served, servedBySaved));
    servedBySaved = versions.served;
  }

  Served served() {
    return served;
  }

  long trained() {
    return source.trained();
  }

  boolean hasWork() {
    return failure == null && source.waiting() >= batchSize;
  }

  OnlineStatus status() {
    OnlineStatus last = status;
    return last.withAccepted(journal.records()); // read later: at least what was trained on
  }

  /** As it is between two steps, or after one that failed. */
  private OnlineStatus view() {
    return new OnlineStatus(
        journal.records(),
        source.trained(),
        skipped,
        trainer.stepsDone(),
        served.number(),
        numbers(),
        refused,
        lastRefusal,
        failure);
  }

  /**
   * Of the versions that can be served. A process that died before its checkpoint has left one
   * more, which the next version replaces: the feedback that it learned from is trained on again.
   */
  private ImmutableSortedSet<Long> numbers() {
    return files.upTo(versions.newest);
  }

  /** Trains on the next batch. What goes wrong stops the training, and is told by the status. */
  void step() {
    batchFailed = true;
    try {
      trainer.step();
      batchFailed = false;
      source.advance();
      String reason = refusal();
      if (reason == null) {
        publish();
      } else {
        refused++;
        lastRefusal = reason;
        LOG.warn("step {}: not served: {}", trainer.stepsDone(), reason);
      }
      save();
      status = view();
    } catch (Exception | Error e) {
      failed(e);
    }
  }

  /** Training stands until a rollback, and the status says why. */
  void failed(Throwable e) {
    failure = e.toString();
    status = view();
    LOG.error("online training stopped; serving goes on", e);
  }

  /** Why the policy as it is now must not be served; null if it may be. */
  private @Nullable String refusal() {
    double kl = klToReference();
    if (!(kl <= maxKl)) {
      return String.format(
          Locale.ROOT, "KL to the reference: expected at most %s nats, got %.3f", maxKl, kl);
    }
    try (Policy copy = policy.frozenCopy()) {
      double value = evaluation.applyAsDouble(copy);
      return value >= leastValue
          ? null
          : String.format(
              Locale.ROOT, "evaluation: expected at least %s, got %s", leastValue, value);
    } catch (Exception e) { // a host's Kotlin or Scala throws checked ones, too
      LOG.warn("evaluation", e);
      return "evaluation: " + e;
    }
  }

  private double klToReference() {
    PairwiseBatch batch = versions.batch;
    checkArgument(batch != null, "batch: expected one, got none");
    double[] now = scorer.logProbs(batch.promptOfEach(), batch.responses());
    return ImportanceKl.of(now, batch.oldLogProbs(), batch.referenceLogProbs());
  }

  private void publish() {
    long number = versions.newest + 1;
    files.save(number, trainer);
    versions.newest = number;
    versions.served = number;
    served.swap(number, policy.frozenCopy());
  }

  /** Goes back to a version, but not in the journal. */
  void rollback(long number) {
    ImmutableSortedSet<Long> numbers = numbers();
    checkArgument(numbers.contains(number), "version: expected one of %s, got %s", numbers, number);
    skipBatchThatFailed();
    ImmutableMap<String, String> now = trainer.checkpoint().states();
    long steps = trainer.stepsDone();
    long newest = versions.newest;
    files.load(
        number,
        trainerFor(
            saved -> {
              Map<String, String> states = new HashMap<>(saved.states());
              states.put(POSITION, now.getOrDefault(POSITION, ""));
              states.put(NUMBERS, number + " " + newest);
              return new Checkpoint(
                  steps, saved.settings(), ImmutableMap.copyOf(states), saved.tensors());
            }));
    try {
      save();
    } catch (RuntimeException | Error e) { // what is trained is no longer what is served
      failure = "rollback to version " + number + ": " + e;
      status = view();
      throw e;
    }
    served.swap(number, policy.frozenCopy());
    failure = null;
    status = view();
  }

  /**
   * What the training on it threw, it would throw again: its numbers are not finite, the policy
   * cannot take them, it needs too much memory. Nothing is skipped if it could not even be read.
   */
  private void skipBatchThatFailed() {
    if (batchFailed) {
      batchFailed = false;
      long before = source.trained();
      source.advance();
      long count = source.trained() - before;
      if (count > 0) {
        skipped += count;
        LOG.warn("{} records after the first {} are not trained on: {}", count, before, failure);
      }
    }
  }

  private void closeTrainer() {
    OneTrainer.release(policy.parameters(), trainer);
    scorer.close();
    trainer.close();
  }

  @Override
  public void close() {
    served.close();
    closeTrainer();
  }
}
