package io.github.p3o.testing;

import io.github.p3o.Policy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/** A policy that knows how many of its copies, and of theirs, are open. */
public final class CountedPolicy extends ForwardingPolicy {

  private final AtomicInteger made;
  private final AtomicInteger open;
  private final IntConsumer beforeCopy;

  private CountedPolicy(
      Policy policy, AtomicInteger made, AtomicInteger open, IntConsumer beforeCopy) {
    super(policy);
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
    Policy copy = super.frozenCopy();
    open.incrementAndGet();
    return new CountedPolicy(copy, made, open, beforeCopy);
  }

  /** Of a copy. */
  @Override
  public void close() {
    super.close();
    open.decrementAndGet();
  }
}
