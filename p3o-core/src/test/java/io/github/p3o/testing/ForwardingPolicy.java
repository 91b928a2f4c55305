package io.github.p3o.testing;

import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A policy that asks another for everything, of which a test changes a part. */
public abstract class ForwardingPolicy implements Policy {

  private final Policy policy;

  /** In front of this policy, which is closed with it. */
  protected ForwardingPolicy(Policy policy) {
    this.policy = policy;
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return policy.build(shape);
  }

  @Override
  public Policy frozenCopy() {
    return policy.frozenCopy();
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

  @Override
  public void close() {
    policy.close();
  }
}
