package io.github.p3o.testing;

import com.google.common.collect.ImmutableList;
import io.github.p3o.ActorCritic;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.BatchShape;
import io.github.p3o.PairSampler;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.internal.Ops;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The policy of a {@link TabularPolicy} as a host's graph, with a value for each context. */
public final class TabularActorCritic implements ActorCritic, PairSampler {

  private final ActorCritic graph;

  /** Logits and values of 0, in float64. */
  public TabularActorCritic(int contexts, int choices) {
    SameDiff host = SameDiff.create();
    // Two of them: ND4J fails to differentiate two gathers by one placeholder.
    SDVariable context = host.placeHolder("context", DataType.INT32, -1);
    SDVariable again = host.placeHolder("again", DataType.INT32, -1);
    SDVariable logits = host.var("logits", Nd4j.zeros(DataType.DOUBLE, contexts, choices));
    SDVariable values = host.var("values", Nd4j.zeros(DataType.DOUBLE, contexts, 1));
    Ops.rows(logits, context).rename("ofContext");
    Ops.rows(values, again).rename("valueOfContext");
    graph =
        SameDiffPolicy.ofLogits(
                host,
                "ofContext",
                choices,
                (shape, prompts, responses) ->
                    Map.of("context", contexts(prompts), "again", contexts(prompts)))
            .withValues("valueOfContext");
  }

  private static INDArray contexts(List<Prompt> prompts) {
    return Nd4j.createFromArray(prompts.stream().mapToInt(p -> p.tokens().get(0)).toArray());
  }

  /** Values of the contexts, as they are now. */
  public double[] values() {
    return parameters().get("values").reshape(parameters().get("values").length()).toDoubleVector();
  }

  /** The same probabilities without values, as they are now; the caller closes it. */
  public TabularPolicy table() {
    return TabularPolicy.of(parameters().get("logits").toDoubleMatrix());
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    try (TabularPolicy table = table()) {
      return table.sample(prompts, responses, random);
    }
  }

  @Override
  public ActorCriticGraph buildWithValues(BatchShape shape) {
    return graph.buildWithValues(shape);
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return graph.build(shape);
  }

  @Override
  public Policy frozenCopy() {
    return graph.frozenCopy();
  }

  @Override
  public Parameters parameters() {
    return graph.parameters();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return graph.shape(prompts, responses);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return graph.feed(shape, prompts, responses);
  }

  @Override
  public void close() {
    graph.close();
  }
}
