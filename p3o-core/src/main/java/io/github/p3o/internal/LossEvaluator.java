package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runs a pairwise objective on plain numbers, without a policy. */
public final class LossEvaluator {

  private static final String LOG_PROBS = "p3o/logProbs";

  private LossEvaluator() {}

  /** The mean loss of a batch, its gradient and statistics. */
  public static Evaluation evaluate(PairwiseLoss objective, PairwiseBatch batch, LogProbs now) {
    PairStatistics.of(batch, now, ImmutableMap.of()); // refuses unequal shapes
    int k = batch.responsesPerPrompt();
    SameDiff graph = SameDiff.create();
    SDVariable logProbs = graph.placeHolder(LOG_PROBS, DataType.DOUBLE, (long) k * batch.groups());
    PairwiseGraph pairs = PairwiseGraph.build(objective, logProbs, k, batch.groups());
    Map<String, INDArray> feed = PairwiseGraph.feed(batch, 1.0 / PairwiseGraph.pairs(batch));
    feed.put(LOG_PROBS, Nd4j.createFromArray(now.values().toArray()));
    ImmutableList<String> names =
        pairs.diagnostics().values().stream()
            .map(SDVariable::name)
            .collect(ImmutableList.toImmutableList());
    try (Program program =
        Program.withGradient(graph, pairs.loss().name(), ImmutableList.of(LOG_PROBS), names)) {
      Map<String, INDArray> values = program.run(feed);
      ImmutableMap.Builder<String, Double> diagnostics = ImmutableMap.builder();
      pairs
          .diagnostics()
          .forEach((name, d) -> diagnostics.put(name, Result.scalar(values, d.name())));
      return new Evaluation(
          Result.scalar(values, pairs.loss().name()),
          Result.array(values, Program.gradientOf(LOG_PROBS))
              .reshape(k, batch.groups())
              .toDoubleMatrix(),
          PairStatistics.of(batch, now, diagnostics.buildOrThrow()));
    }
  }
}
