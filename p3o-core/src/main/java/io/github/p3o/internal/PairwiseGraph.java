package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The mean of a pairwise objective over all k(k−1)/2 pairs of each group, as a scalar of a graph.
 * Everything after the policy's log-probabilities is float64.
 */
public final class PairwiseGraph {

  private final SDVariable loss;
  private final ImmutableMap<String, SDVariable> diagnostics;

  private PairwiseGraph(SDVariable loss, ImmutableMap<String, SDVariable> diagnostics) {
    this.loss = loss;
    this.diagnostics = diagnostics;
  }

  /**
   * Adds the objective to a graph.
   *
   * @param objective the loss of each pair
   * @param logProbs log π_θ {@code [k × groups]}, row-major {@code [k, groups]}
   * @param k responses of each prompt
   * @param groups prompts
   */
  public static PairwiseGraph build(
      PairwiseLoss objective, SDVariable logProbs, int k, int groups) {
    SameDiff graph = logProbs.getSameDiff();
    SDVariable now = Ops.reshape(Ops.cast(logProbs, DataType.DOUBLE), k, groups);
    SDVariable[] s = Ops.unstack(now, k);
    SDVariable[] o = rowPlaceholders(graph, "old", k, groups);
    SDVariable[] f = rowPlaceholders(graph, "reference", k, groups);
    // The share of each pair in the mean over the whole batch, of which this graph may see a part.
    SDVariable weight = graph.placeHolder("p3o/weight", DataType.DOUBLE);
    SDVariable total = null;
    Map<String, SDVariable> diagnostics = new LinkedHashMap<>();
    for (int i = 0; i < k; i++) {
      for (int j = i + 1; j < k; j++) {
        SDVariable difference = graph.placeHolder(differenceName(i, j), DataType.DOUBLE, groups);
        LossTerms terms =
            objective.build(new PairVariables(s[i], s[j], o[i], o[j], f[i], f[j], difference));
        SDVariable sum = weigh(terms.losses(), weight);
        total = total == null ? sum : Ops.add(total, sum);
        terms
            .diagnostics()
            .forEach((name, d) -> diagnostics.merge(name, weigh(d, weight), Ops::add));
      }
    }
    if (total == null) {
      throw new IllegalArgumentException("k: expected at least 2 responses, got " + k);
    }
    return new PairwiseGraph(total, ImmutableMap.copyOf(diagnostics));
  }

  private static SDVariable weigh(SDVariable ofEachPair, SDVariable weight) {
    return Ops.multiply(Ops.sum(ofEachPair), weight);
  }

  private static SDVariable[] rowPlaceholders(SameDiff graph, String name, int k, int groups) {
    SDVariable[] rows = new SDVariable[k];
    for (int i = 0; i < k; i++) {
      rows[i] = graph.placeHolder("p3o/" + name + i, DataType.DOUBLE, groups);
    }
    return rows;
  }

  private static String differenceName(int i, int j) {
    return "p3o/reward" + i + "-" + j;
  }

  /**
   * What the placeholders hold for a batch.
   *
   * @param batch the groups that the graph sees
   * @param weight the share of each pair in the mean: 1 / pairs of the whole batch
   */
  public static Map<String, INDArray> feed(PairwiseBatch batch, double weight) {
    Map<String, INDArray> feed = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    for (int i = 0; i < k; i++) {
      feed.put("p3o/old" + i, Nd4j.createFromArray(batch.oldLogProbs().row(i)));
      feed.put("p3o/reference" + i, Nd4j.createFromArray(batch.referenceLogProbs().row(i)));
      double[] first = batch.rewards().row(i);
      for (int j = i + 1; j < k; j++) {
        double[] difference = batch.rewards().row(j);
        for (int g = 0; g < difference.length; g++) {
          difference[g] = first[g] - difference[g];
        }
        feed.put(differenceName(i, j), Nd4j.createFromArray(difference));
      }
    }
    feed.put("p3o/weight", Nd4j.scalar(weight));
    return feed;
  }

  /** The number of pairs in a batch: k(k−1)/2 for each group. */
  public static long pairs(PairwiseBatch batch) {
    long k = batch.responsesPerPrompt();
    return k * (k - 1) / 2 * batch.groups();
  }

  /** The scalar loss. */
  public SDVariable loss() {
    return loss;
  }

  /** Scalars by metric name: weighted sums, as the loss is. */
  public ImmutableMap<String, SDVariable> diagnostics() {
    return diagnostics;
  }
}
