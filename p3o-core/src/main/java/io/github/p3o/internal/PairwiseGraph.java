package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A pairwise objective on all k(k−1)/2 pairs of each group, as variables of a graph. Everything
 * after the policy's log-probabilities is float64.
 */
final class PairwiseGraph {

  private static final String OLD = "p3o/old";
  private static final String REFERENCE = "p3o/reference";

  private PairwiseGraph() {}

  /**
   * Adds the objective to a graph.
   *
   * @param objective the loss of each pair
   * @param logProbs log π_θ {@code [k × groups]}, row-major {@code [k, groups]}
   * @param k responses of each prompt, at least 2
   * @param groups prompts
   * @return sums over the pairs of each group {@code [groups]}
   */
  static LossTerms build(PairwiseLoss objective, SDVariable logProbs, int k, int groups) {
    checkArgument(k >= 2, "k: expected at least 2 responses, got %s", k);
    SameDiff graph = logProbs.getSameDiff();
    SDVariable now = Ops.reshape(Ops.cast(logProbs, DataType.DOUBLE), k, groups);
    SDVariable[] s = Ops.unstack(now, k);
    SDVariable[] o = rowPlaceholders(graph, OLD, k, groups);
    SDVariable[] f = rowPlaceholders(graph, REFERENCE, k, groups);
    List<LossTerms> terms = new ArrayList<>();
    for (int i = 0; i < k; i++) {
      for (int j = i + 1; j < k; j++) {
        SDVariable difference = graph.placeHolder(differenceName(i, j), DataType.DOUBLE, groups);
        terms.add(
            objective.build(new PairVariables(s[i], s[j], o[i], o[j], f[i], f[j], difference)));
      }
    }
    return terms.stream().reduce(PairwiseGraph::sum).orElseThrow();
  }

  private static LossTerms sum(LossTerms a, LossTerms b) {
    Map<String, SDVariable> diagnostics = new LinkedHashMap<>(a.diagnostics());
    b.diagnostics().forEach((name, d) -> diagnostics.merge(name, d, Ops::add));
    return new LossTerms(Ops.add(a.losses(), b.losses()), ImmutableMap.copyOf(diagnostics));
  }

  private static SDVariable[] rowPlaceholders(SameDiff graph, String name, int k, int groups) {
    SDVariable[] rows = new SDVariable[k];
    for (int i = 0; i < k; i++) {
      rows[i] = graph.placeHolder(name + i, DataType.DOUBLE, groups);
    }
    return rows;
  }

  private static String differenceName(int i, int j) {
    return "p3o/reward" + i + "-" + j;
  }

  /** What the placeholders hold for the groups that the graph sees. */
  static Map<String, INDArray> feed(PairwiseBatch batch) {
    Map<String, INDArray> feed = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    for (int i = 0; i < k; i++) {
      feed.put(OLD + i, Nd4j.createFromArray(batch.oldLogProbs().row(i)));
      feed.put(REFERENCE + i, Nd4j.createFromArray(batch.referenceLogProbs().row(i)));
      double[] first = batch.rewards().row(i);
      for (int j = i + 1; j < k; j++) {
        double[] difference = batch.rewards().row(j);
        for (int g = 0; g < difference.length; g++) {
          difference[g] = first[g] - difference[g];
        }
        feed.put(differenceName(i, j), Nd4j.createFromArray(difference));
      }
    }
    return feed;
  }

  /** The number of pairs in a batch: k(k−1)/2 for each group. */
  static long pairs(PairwiseBatch batch) {
    long k = batch.responsesPerPrompt();
    return k * (k - 1) / 2 * batch.groups();
  }
}
