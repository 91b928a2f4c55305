package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import java.util.Collections;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Tries feedback on a copy of the policy: what the policy cannot take would stop the training. */
final class FeedbackCheck implements AutoCloseable {

  @GuardedBy("this")
  private final Policy copy;

  @GuardedBy("this")
  private boolean closed;

  FeedbackCheck(Policy policy) {
    copy = policy.frozenCopy();
  }

  /**
   * Checks one record, as training will feed it, but for what others of its batch change.
   *
   * @throws IllegalArgumentException with what the policy threw
   */
  synchronized void check(Feedback feedback) {
    checkState(!closed, "aligner: expected an open one, got a closed one");
    List<Prompt> prompts = Collections.nCopies(feedback.responses().size(), feedback.prompt());
    BatchShape shape = copy.shape(prompts, feedback.responses());
    try {
      copy.feed(shape, prompts, feedback.responses()).values().stream()
          .filter(INDArray::closeable)
          .forEach(INDArray::close);
    } catch (Exception e) { // a host's Kotlin or Scala throws checked ones, too
      throw new IllegalArgumentException(
          "feedback: expected a prompt and responses that the policy can be fed with, got " + e, e);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      copy.close();
    }
  }
}
