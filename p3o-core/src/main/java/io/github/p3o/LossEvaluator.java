package io.github.p3o;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.PolicyLossGraph;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.ProgramCache;
import io.github.p3o.internal.Result;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runs an objective on plain numbers, without a policy: how a policy in any other engine is
 * trained. The graph of each batch size is kept, so keep the evaluator for a whole training run. It
 * is confined to one thread.
 */
public final class LossEvaluator implements AutoCloseable {

  private static final String LOG_PROBS = "p3o/now";

  /** The size of a batch. */
  private record Size(int responses, int groups) {}

  private final PolicyLoss objective;
  private final ProgramCache<Size> programs = new ProgramCache<>(this::program);

  /**
   * An evaluator of an objective.
   *
   * @param objective such as {@code P3OLoss.v2()}
   */
  public LossEvaluator(PolicyLoss objective) {
    this.objective = objective;
  }

  private Program program(Size size) {
    SameDiff graph = SameDiff.create();
    SDVariable logProbs =
        graph.placeHolder(LOG_PROBS, DataType.DOUBLE, (long) size.responses() * size.groups());
    ImmutableList<String> means =
        MeanLoss.addTo(PolicyLossGraph.build(objective, logProbs, size.responses(), size.groups()));
    return Program.withGradient(graph, MeanLoss.LOSS, ImmutableList.of(LOG_PROBS), means);
  }

  /**
   * The mean loss of a batch, its gradient and statistics.
   *
   * @param batch k responses to each prompt
   * @param logProbs log π_θ(y|x) now {@code [k, groups]}
   * @return the evaluation
   * @throws IllegalArgumentException if the shapes differ
   */
  public Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs) {
    int k = batch.responsesPerPrompt();
    PairStatistics.checkShape(batch, logProbs);
    MeanLoss mean = new MeanLoss(batch.groups());
    Map<String, INDArray> feed = PolicyLossGraph.feed(batch, batch);
    feed.put(LOG_PROBS, Nd4j.createFromArray(logProbs.values().toArray()));
    feed.putAll(mean.feed());
    try {
      Map<String, INDArray> values = programs.get(new Size(k, batch.groups())).run(feed);
      mean.add(values);
      double[][] gradient =
          Result.array(values, Program.gradientOf(LOG_PROBS))
              .reshape(k, batch.groups())
              .toDoubleMatrix();
      return new Evaluation(
          mean.loss(), gradient, PairStatistics.of(batch, logProbs, mean.diagnostics()));
    } finally {
      feed.values().forEach(INDArray::close);
    }
  }

  /** Frees the native memory of the graphs. */
  @Override
  public void close() {
    programs.close();
  }
}
