package io.github.p3o.testing;

import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A policy that knows how many of its copies, and of theirs, are open. */
public final class CountedPolicy implements Policy {

  private final Policy policy;
  private final AtomicInteger made;
  private final AtomicInteger open;
  private final IntConsumer beforeCopy;

  private CountedPolicy(
      Policy policy, AtomicInteger made, AtomicInteger open, IntConsumer beforeCopy) {
    this.policy = policy;
    this.made = made;
    this.open = open;
    this.beforeCopy = beforeCopy;
  }

  /**
   * Counts the copies of a policy.
   *
   * @param beforeCopy is given the number of each copy before it is made, from 1; may throw
   */
  public static CountedPolicy of(Policy policy, IntConsumer beforeCopy) {
    return new CountedPolicy(policy, new AtomicInteger(), new AtomicInteger(), beforeCopy);
  }

  /** Copies that were made and not closed. */
  public int openCopies() {
    return open.get();
  }

  @Override
  public Policy frozenCopy() {
    beforeCopy.accept(made.incrementAndGet());
    Policy copy = policy.frozenCopy();
    open.incrementAndGet();
    return new CountedPolicy(copy, made, open, beforeCopy);
  }

  /** Of a copy. */
  @Override
  public void close() {
    policy.close();
    open.decrementAndGet();
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return policy.build(shape);
  }

  @Override
  public Parameters parameters() {
    return policy.parameters();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return policy.shape(prompts, responses);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return policy.feed(shape, prompts, responses);
  }
}
