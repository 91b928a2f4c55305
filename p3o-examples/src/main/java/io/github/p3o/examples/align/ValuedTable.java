package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import io.github.p3o.ActorCritic;
import io.github.p3o.BatchShape;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A {@link TabularPolicy} with a value for each context, as a host's own graph, float64. */
final class ValuedTable implements PairSampler, AutoCloseable {

  private final int contexts;
  private final ActorCritic policy;

  /** All choices are equally likely, all values 0. */
  ValuedTable(int contexts, int choices) {
    this.contexts = contexts;
    SameDiff graph = SameDiff.create();
    SDVariable context = graph.placeHolder("context", DataType.DOUBLE, -1, contexts);
    graph.mmul(
        "logits", context, graph.var("table", Nd4j.zeros(DataType.DOUBLE, contexts, choices)));
    graph.mmul("value", context, graph.var("values", Nd4j.zeros(DataType.DOUBLE, contexts, 1)));
    policy = SameDiffPolicy.ofLogits(graph, "logits", choices, this::feed).withValues("value");
  }

  private Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    double[][] rows = new double[prompts.size()][contexts];
    for (int i = 0; i < rows.length; i++) {
      rows[i][prompts.get(i).tokens().get(0)] = 1;
    }
    return Map.of("context", Nd4j.createFromArray(rows));
  }

  ActorCritic policy() {
    return policy;
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    try (TabularPolicy now = TabularPolicy.of(policy.parameters().get("table").toDoubleMatrix())) {
      return now.sample(prompts, responses, random);
    }
  }

  @Override
  public void close() {
    policy.close();
  }
}
