package io.github.p3o.testing;

import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import java.util.function.UnaryOperator;

/** A policy as a host may write one: with graphs of its own making, and no copy to give. */
public final class UncopiedPolicy extends ForwardingPolicy {

  private final UnaryOperator<PolicyGraph> graphs;

  /** Of another policy, whose graphs this function changes. */
  public UncopiedPolicy(Policy policy, UnaryOperator<PolicyGraph> graphs) {
    super(policy);
    this.graphs = graphs;
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return graphs.apply(super.build(shape));
  }

  @Override
  public Policy frozenCopy() {
    return this;
  }
}
