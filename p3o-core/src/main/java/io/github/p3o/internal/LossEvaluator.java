package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossTerms;
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
    LossTerms terms = PairwiseGraph.build(objective, logProbs, k, batch.groups());
    ImmutableList<String> outputs = MeanLoss.addTo(terms);
    MeanLoss mean = new MeanLoss(PairwiseGraph.pairs(batch));
    Map<String, INDArray> feed = PairwiseGraph.feed(batch);
    feed.put(LOG_PROBS, Nd4j.createFromArray(now.values().toArray()));
    feed.putAll(mean.feed());
    try (Program program =
        Program.withGradient(graph, MeanLoss.LOSS, ImmutableList.of(LOG_PROBS), outputs)) {
      Map<String, INDArray> values = program.run(feed);
      mean.add(values);
      double[][] gradient =
          Result.array(values, Program.gradientOf(LOG_PROBS))
              .reshape(k, batch.groups())
              .toDoubleMatrix();
      return new Evaluation(
          mean.loss(), gradient, PairStatistics.of(batch, now, mean.diagnostics()));
    } finally {
      feed.values().forEach(INDArray::close);
    }
  }
}
