package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.ActorCritic;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A language model with a second head: beside the logits, one number {@code score.weight · h} of
 * every hidden state, the value before a token. Both heads are trained, and through them the layers
 * that they share; or an adapter of these and the value head alone.
 */
public final class TransformerActorCritic implements ActorCritic {

  private final TransformerPolicy policy;

  private TransformerActorCritic(TransformerPolicy policy) {
    this.policy = policy;
  }

  /**
   * A copy of what is trained of a policy, with a value head of zeros, so that every value is 0
   * before training.
   *
   * @param policy the policy, whose temperature is taken over. Its frozen parameters, such as the
   *     weights under an adapter, are shared, not copied
   * @return the policy with values; the caller closes it
   */
  public static TransformerActorCritic fromPolicy(TransformerPolicy policy) {
    DecoderModel from = policy.model();
    try (INDArray head = Nd4j.create(from.type(), 1, policy.config().hiddenSize())) {
      return new TransformerActorCritic(
          TransformerPolicy.of(from.withHead(head), policy.temperature()));
    }
  }

  /**
   * The language model that is trained: for sampling, and to save without the value head. It is
   * another view of the same parameters: closing one closes both.
   *
   * @return the view
   */
  public TransformerPolicy policy() {
    return policy;
  }

  /**
   * Copies the language model's trained weights as they are now, without the value head: the
   * adapter's if there is one.
   *
   * @param target a model of the same sizes, adapter and frozen parameters, such as the one that
   *     this began as
   * @throws IllegalArgumentException for another
   */
  public void exportTo(TransformerPolicy target) {
    checkArgument(
        target.config().equals(policy.config()),
        "target: expected a model of %s, got %s",
        policy.config(),
        target.config());
    checkArgument(
        target.adapter().equals(policy.adapter()),
        "target: expected the adapter %s, got %s",
        policy.adapter(),
        target.adapter());
    Parameters to = target.parameters();
    checkArgument(
        target.frozenParameters().keySet().equals(policy.frozenParameters().keySet()),
        "target: expected the frozen parameters %s, got %s",
        policy.frozenParameters().keySet(),
        target.frozenParameters().keySet());
    to.update(
        vector ->
            to.viewsInto(vector).forEach((name, view) -> view.assign(parameters().get(name))));
  }

  @Override
  public Parameters parameters() {
    return policy.parameters();
  }

  /** The weights under an adapter, or those that were frozen by name; none if all are trained. */
  @Override
  public Map<String, INDArray> frozenParameters() {
    return policy.frozenParameters();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return policy.shape(prompts, responses);
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return policy.build(shape);
  }

  @Override
  public ActorCriticGraph buildWithValues(BatchShape shape) {
    return policy.buildWithValues(shape);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return policy.feed(shape, prompts, responses);
  }

  @Override
  public TransformerPolicy frozenCopy() {
    return policy.frozenCopy();
  }

  /** Frees the parameters unless a copy still uses them. */
  @Override
  public void close() {
    policy.close();
  }
}
