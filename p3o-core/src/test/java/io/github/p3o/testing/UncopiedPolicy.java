package io.github.p3o.testing;

import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A policy as a host may write one: with graphs of its own making, and no copy to give. */
public record UncopiedPolicy(Policy policy, UnaryOperator<PolicyGraph> graphs) implements Policy {

  @Override
  public PolicyGraph build(BatchShape shape) {
    return graphs.apply(policy.build(shape));
  }

  @Override
  public Policy frozenCopy() {
    return this;
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
