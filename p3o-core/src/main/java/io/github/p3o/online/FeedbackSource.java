package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Longs;
import io.github.p3o.LogProbs;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.Stateful;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleBiFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * The records of a journal as prompts, samples and rewards of a trainer, in their order, each once.
 * It remembers how far it has come.
 */
final class FeedbackSource implements PromptSource, Stateful {

  private final Journal journal;
  private ImmutableList<Feedback> batch = ImmutableList.of();
  private long batchEnd;
  private long position;
  private long savedBefore;
  private volatile long trained;

  FeedbackSource(Journal journal) {
    this.journal = journal;
  }

  /** How many records were trained on. */
  long trained() {
    return trained;
  }

  /** How many records wait. */
  long waiting() {
    return journal.records() - trained;
  }

  /** Reads the next records; until {@link #advance} the same again. */
  @Override
  public ImmutableList<Prompt> next(int count, RandomGenerator random) {
    List<Feedback> read = new ArrayList<>();
    long at = position;
    for (int i = 0; i < count; i++) {
      Journal.Entry entry = journal.read(at);
      read.add(entry.feedback());
      at = entry.next();
    }
    batch = ImmutableList.copyOf(read);
    batchEnd = at;
    return batch.stream().map(Feedback::prompt).collect(ImmutableList.toImmutableList());
  }

  /** What was served, and with which log-probabilities. */
  Samples sample(ImmutableList<Prompt> prompts, int k, RandomGenerator random) {
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    for (int i = 0; i < k; i++) {
      for (Feedback feedback : batch) {
        responses.add(feedback.responses().get(i));
      }
    }
    return new Samples(
        prompts,
        responses.build(),
        LogProbs.ofFlat(k, each(k, (feedback, i) -> feedback.logProbs().get(i))));
  }

  /** What the users thought of it. */
  double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    return each(responses.size() / batch.size(), (feedback, i) -> feedback.rewards().get(i));
  }

  private double[] each(int k, ToDoubleBiFunction<Feedback, Integer> of) {
    return IntStream.range(0, k)
        .boxed()
        .flatMapToDouble(i -> batch.stream().mapToDouble(feedback -> of.applyAsDouble(feedback, i)))
        .toArray();
  }

  /** The batch was trained on. */
  void advance() {
    position = batchEnd;
    long done = trained + batch.size();
    trained = done; // one thread writes it
    batch = ImmutableList.of();
  }

  /** Checks that the journal has what was trained on, and what comes next. */
  void checkThere() {
    checkArgument(
        trained <= journal.records(),
        "journal: expected the %s records that were trained on, got %s",
        trained,
        journal.records());
    journal.checkHas(position);
  }

  /**
   * A checkpoint of this place was written; the one before it may be needed, and what follows on
   * its place; nothing else of the journal is.
   */
  void saved() {
    journal.deleteBefore(savedBefore);
    savedBefore = position;
  }

  @Override
  public String state() {
    return trained + " " + position;
  }

  @Override
  public void restore(String state) {
    String[] parts = state.split(" ", 2);
    Long records = Longs.tryParse(parts[0]);
    Long at = parts.length < 2 ? null : Longs.tryParse(parts[1]);
    checkArgument(
        records != null && at != null && records >= 0 && at >= 0,
        "prompts: expected a place in the journal, got %s",
        state);
    trained = records;
    position = at;
    batch = ImmutableList.of();
  }
}
