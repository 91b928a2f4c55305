package io.github.p3o.internal;

import com.google.common.base.Suppliers;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.LogProbs;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import io.github.p3o.Rewards;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An objective on the prompts of a batch, as variables of a graph. Everything behind the policy's
 * log-probabilities is float64. All pairs of a batch lie in one row, first the pair (1,2) of every
 * prompt, then (1,3), so that the graph is the same for any number of responses above two.
 */
public final class PolicyLossGraph {

  private static final String OLD = "p3o/old";
  private static final String REFERENCE = "p3o/reference";
  private static final String REWARD = "p3o/reward";
  private static final String REWARD_DIFFERENCE = "p3o/rewardDifference";
  private static final String MEAN_REWARD = "p3o/meanReward";
  private static final String MEAN_KL = "p3o/meanRolloutKl";

  /** What marks the first and the second responses of all pairs. */
  private static final String FIRST = "OfFirst";

  private static final String SECOND = "OfSecond";

  private PolicyLossGraph() {}

  /** The first responses of the pairs (0,1), (0,2), …, (1,2), … of a prompt. */
  private static int[] first(int k) {
    return pairs(k).map(ij -> ij / k).toArray();
  }

  /** The second responses of the same pairs. */
  private static int[] second(int k) {
    return pairs(k).map(ij -> ij % k).toArray();
  }

  private static IntStream pairs(int k) {
    return IntStream.range(0, k * k).filter(ij -> ij / k < ij % k);
  }

  /**
   * Adds the objective to a graph.
   *
   * @param objective the loss of each prompt
   * @param logProbs log π_θ {@code [k × groups]}, row-major {@code [k, groups]}
   * @param k responses of each prompt
   * @param groups prompts
   * @return the loss of each prompt {@code [groups]} and its diagnostics
   */
  public static LossTerms build(PolicyLoss objective, SDVariable logProbs, int k, int groups) {
    SameDiff graph = logProbs.getSameDiff();
    SDVariable now = Ops.reshape(Ops.cast(logProbs, DataType.DOUBLE), k, groups);
    return objective.build(
        new ResponseVariables(
            k,
            groups,
            now,
            placeholder(graph, OLD, k, groups),
            placeholder(graph, REFERENCE, k, groups),
            Suppliers.memoize(
                () -> {
                  checkSeesRewards(objective);
                  return placeholder(graph, REWARD, k, groups);
                }),
            Suppliers.memoize(
                () -> {
                  checkSeesRewards(objective);
                  return new ResponseVariables.BatchMeans(
                      placeholder(graph, MEAN_REWARD), placeholder(graph, MEAN_KL));
                }),
            Suppliers.memoize(() -> pairs(now, k, groups))));
  }

  private static void checkSeesRewards(PolicyLoss objective) {
    if (objective.rewardView() == PolicyLoss.RewardView.DIFFERENCES) {
      throw new IllegalStateException(
          objective.name()
              + ": expected to see differences of rewards alone, as its rewardView says, got asked"
              + " for rewards");
    }
  }

  private static SDVariable placeholder(SameDiff graph, String name, long... shape) {
    return graph.placeHolder(name, DataType.DOUBLE, shape);
  }

  private static PairVariables pairs(SDVariable now, int k, int groups) {
    SameDiff graph = now.getSameDiff();
    int size = k * (k - 1) / 2 * groups;
    SDVariable[] s = firstAndSecond(now, k, size);
    return new PairVariables(
        s[0],
        s[1],
        placeholder(graph, OLD + FIRST, size),
        placeholder(graph, OLD + SECOND, size),
        placeholder(graph, REFERENCE + FIRST, size),
        placeholder(graph, REFERENCE + SECOND, size),
        placeholder(graph, REWARD_DIFFERENCE, size));
  }

  /** log π_θ of the first and of the second responses of all pairs. */
  private static SDVariable[] firstAndSecond(SDVariable now, int k, int size) {
    if (k == 2) {
      return Ops.unstack(now, 2);
    }
    return Stream.of(first(k), second(k))
        .map(ids -> now.getSameDiff().constant(Nd4j.createFromArray(ids)))
        .map(ids -> Ops.reshape(Ops.rows(now, ids), size))
        .toArray(SDVariable[]::new);
  }

  /**
   * What the placeholders hold for a part of a batch.
   *
   * @param batch the prompts that the graph sees
   * @param whole the batch that they are a part of, over which the means are taken
   */
  public static Map<String, INDArray> feed(PairwiseBatch batch, PairwiseBatch whole) {
    Map<String, INDArray> feed = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    int[] first = first(k);
    int[] second = second(k);
    feed.put(OLD, grid(k, batch.oldLogProbs().values()));
    feed.put(REFERENCE, grid(k, batch.referenceLogProbs().values()));
    feed.put(REWARD, grid(k, batch.rewards().values()));
    feed.put(OLD + FIRST, rows(batch.oldLogProbs(), first));
    feed.put(OLD + SECOND, rows(batch.oldLogProbs(), second));
    feed.put(REFERENCE + FIRST, rows(batch.referenceLogProbs(), first));
    feed.put(REFERENCE + SECOND, rows(batch.referenceLogProbs(), second));
    feed.put(REWARD_DIFFERENCE, Nd4j.createFromArray(differences(batch.rewards(), first, second)));
    feed.put(MEAN_REWARD, Nd4j.scalar(mean(whole.rewards().values())));
    double meanOld = mean(whole.oldLogProbs().values());
    feed.put(MEAN_KL, Nd4j.scalar(meanOld - mean(whole.referenceLogProbs().values())));
    return feed;
  }

  private static INDArray grid(int k, ImmutableDoubleArray values) {
    int groups = values.length() / k;
    double[][] rows = new double[k][];
    for (int i = 0; i < k; i++) {
      rows[i] = values.subArray(i * groups, (i + 1) * groups).toArray();
    }
    return Nd4j.createFromArray(rows); // not a reshaped view, which could not be closed
  }

  private static INDArray rows(LogProbs grid, int[] rows) {
    return Nd4j.createFromArray(
        IntStream.of(rows).boxed().flatMapToDouble(i -> DoubleStream.of(grid.row(i))).toArray());
  }

  /** r_i − r_j of every pair, in float64. */
  private static double[] differences(Rewards rewards, int[] first, int[] second) {
    int groups = rewards.groups();
    double[] differences = new double[first.length * groups];
    for (int n = 0; n < differences.length; n++) {
      int pair = n / groups;
      int group = n % groups;
      differences[n] = rewards.get(first[pair], group) - rewards.get(second[pair], group);
    }
    return differences;
  }

  private static double mean(ImmutableDoubleArray values) {
    return values.stream().average().orElseThrow();
  }
}
