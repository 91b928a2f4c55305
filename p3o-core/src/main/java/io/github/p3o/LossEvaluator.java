package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.PairwiseGraph;
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
 * Runs a pairwise objective on plain numbers, without a policy: how a policy in any other engine is
 * trained. The graph of each batch size is kept, so keep the evaluator for a whole training run. It
 * is confined to one thread.
 */
public final class LossEvaluator implements AutoCloseable {

  private static final String LOG_PROBS = "p3o/now";
  private static final String LOSS = "p3o/loss";
  private static final String DIAGNOSTIC = "p3o/diagnostic/";

  /** The size of a batch. */
  private record Size(int responses, int groups) {}

  private final PairwiseLoss objective;
  private final ProgramCache<Size> programs = new ProgramCache<>(this::program);

  /**
   * An evaluator of an objective.
   *
   * @param objective such as {@code P3OLoss.v2()}
   */
  public LossEvaluator(PairwiseLoss objective) {
    this.objective = objective;
  }

  private Program program(Size size) {
    SameDiff graph = SameDiff.create();
    SDVariable logProbs =
        graph.placeHolder(LOG_PROBS, DataType.DOUBLE, (long) size.responses() * size.groups());
    PairwiseGraph pairs = PairwiseGraph.build(objective, logProbs, size.responses(), size.groups());
    graph.identity(LOSS, pairs.loss());
    ImmutableList.Builder<String> diagnostics = ImmutableList.builder();
    pairs
        .diagnostics()
        .forEach((name, d) -> diagnostics.add(graph.identity(DIAGNOSTIC + name, d).name()));
    return Program.withGradient(graph, LOSS, ImmutableList.of(LOG_PROBS), diagnostics.build());
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
    Map<String, INDArray> feed = PairwiseGraph.feed(batch, 1.0 / PairwiseGraph.pairs(batch));
    feed.put(LOG_PROBS, Nd4j.createFromArray(logProbs.values().toArray()));
    Map<String, INDArray> values = programs.get(new Size(k, batch.groups())).run(feed);
    ImmutableMap.Builder<String, Double> diagnostics = ImmutableMap.builder();
    values.forEach(
        (name, value) -> {
          if (name.startsWith(DIAGNOSTIC)) {
            diagnostics.put(name.substring(DIAGNOSTIC.length()), value.getDouble(0));
          }
        });
    return new Evaluation(
        Result.scalar(values, LOSS),
        Result.array(values, Program.gradientOf(LOG_PROBS))
            .reshape(k, batch.groups())
            .toDoubleMatrix(),
        PairStatistics.of(batch, logProbs, diagnostics.buildOrThrow()));
  }

  /** Frees the native memory of the graphs. */
  @Override
  public void close() {
    programs.close();
  }
}
