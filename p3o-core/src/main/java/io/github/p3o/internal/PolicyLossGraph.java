package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.LossTerms;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An objective on the prompts of a batch, as variables of a graph. Everything behind the policy's
 * log-probabilities is float64.
 */
public final class PolicyLossGraph {

  private static final String MEAN_REWARD = "p3o/meanReward";
  private static final String MEAN_KL = "p3o/meanRolloutKl";

  private PolicyLossGraph() {}

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
    SDVariable now = Ops.reshape(Ops.cast(logProbs, DataType.DOUBLE), k, groups);
    return build(objective, ImmutableList.copyOf(Ops.unstack(now, k)), groups);
  }

  /**
   * Adds the objective to a graph.
   *
   * @param objective the loss of each prompt
   * @param now log π_θ of each response, float64 {@code [groups]}
   * @param groups prompts
   * @return the loss of each prompt {@code [groups]} and its diagnostics
   */
  public static LossTerms build(PolicyLoss objective, ImmutableList<SDVariable> now, int groups) {
    SameDiff graph = now.get(0).getSameDiff();
    int k = now.size();
    return objective.build(
        new ResponseVariables(
            now,
            rows(graph, "old", k, groups),
            rows(graph, "reference", k, groups),
            i -> placeholder(graph, rewardName(i), groups),
            new ResponseVariables.BatchMeans(
                graph.placeHolder(MEAN_REWARD, DataType.DOUBLE),
                graph.placeHolder(MEAN_KL, DataType.DOUBLE)),
            (i, j) -> placeholder(graph, differenceName(i, j), groups)));
  }

  private static ImmutableList<SDVariable> rows(SameDiff graph, String name, int k, int groups) {
    return IntStream.range(0, k)
        .mapToObj(i -> graph.placeHolder("p3o/" + name + i, DataType.DOUBLE, groups))
        .collect(ImmutableList.toImmutableList());
  }

  /** A placeholder, made when it is first asked for. */
  private static SDVariable placeholder(SameDiff graph, String name, int groups) {
    return graph.hasVariable(name)
        ? graph.getVariable(name)
        : graph.placeHolder(name, DataType.DOUBLE, groups);
  }

  private static String rewardName(int i) {
    return "p3o/reward" + i;
  }

  private static String differenceName(int i, int j) {
    return "p3o/reward" + i + "-" + j;
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
    for (int i = 0; i < k; i++) {
      feed.put("p3o/old" + i, Nd4j.createFromArray(batch.oldLogProbs().row(i)));
      feed.put("p3o/reference" + i, Nd4j.createFromArray(batch.referenceLogProbs().row(i)));
      double[] first = batch.rewards().row(i);
      feed.put(rewardName(i), Nd4j.createFromArray(first));
      for (int j = i + 1; j < k; j++) {
        double[] difference = batch.rewards().row(j);
        for (int g = 0; g < difference.length; g++) {
          difference[g] = first[g] - difference[g];
        }
        feed.put(differenceName(i, j), Nd4j.createFromArray(difference));
      }
    }
    feed.put(MEAN_REWARD, Nd4j.scalar(mean(whole.rewards().values())));
    double meanOld = mean(whole.oldLogProbs().values());
    feed.put(MEAN_KL, Nd4j.scalar(meanOld - mean(whole.referenceLogProbs().values())));
    KlScale.feed(feed, 1);
    return feed;
  }

  /** The same for a {@link PointwiseProgram}, read from the batch where it lies. */
  static PointwiseProgram.Inputs inputs(PairwiseBatch batch) {
    Map<String, PointwiseProgram.Lanes> lanes = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    for (int i = 0; i < k; i++) {
      lanes.put("p3o/old" + i, row(batch.oldLogProbs().values(), k, i));
      lanes.put("p3o/reference" + i, row(batch.referenceLogProbs().values(), k, i));
      lanes.put(rewardName(i), row(batch.rewards().values(), k, i));
      for (int j = i + 1; j < k; j++) {
        lanes.put(differenceName(i, j), difference(batch.rewards().values(), k, i, j));
      }
    }
    Map<String, DoubleSupplier> numbers = new LinkedHashMap<>();
    numbers.put(MEAN_REWARD, () -> mean(batch.rewards().values()));
    numbers.put(
        MEAN_KL,
        () -> mean(batch.oldLogProbs().values()) - mean(batch.referenceLogProbs().values()));
    numbers.put(KlScale.NAME, () -> 1);
    return new PointwiseProgram.Inputs(lanes, numbers);
  }

  /** Row i of a row-major grid of k rows. */
  static PointwiseProgram.Lanes row(ImmutableDoubleArray values, int k, int i) {
    int start = i * (values.length() / k);
    return (from, into, count) -> {
      for (int lane = 0; lane < count; lane++) {
        into[lane] = values.get(start + from + lane);
      }
    };
  }

  private static PointwiseProgram.Lanes difference(
      ImmutableDoubleArray values, int k, int i, int j) {
    int groups = values.length() / k;
    int first = i * groups;
    int second = j * groups;
    return (from, into, count) -> {
      for (int lane = 0; lane < count; lane++) {
        into[lane] = values.get(first + from + lane) - values.get(second + from + lane);
      }
    };
  }

  private static double mean(ImmutableDoubleArray values) {
    return values.stream().average().orElseThrow();
  }
}
