package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Suppliers;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.LogProbs;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.ResponseVariables;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
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
 * prompt, then (1,3), so that a pairwise objective's graph is the same for any k above 2.
 */
public final class PolicyLossGraph {

  /**
   * What marks log π_θ, log π_old, log π_ref and the reward of each response; its index follows.
   */
  static final String NOW = "p3o/now";

  static final String OLD = "p3o/old";
  private static final String REFERENCE = "p3o/reference";
  static final String REWARD = "p3o/reward";
  static final String REWARD_DIFFERENCE = "p3o/rewardDifference";
  private static final String MEAN_REWARD = "p3o/meanReward";
  private static final String MEAN_KL = "p3o/meanRolloutKl";

  /** What marks the first and the second responses of all pairs. */
  private static final String FIRST = "OfFirst";

  private static final String SECOND = "OfSecond";

  private PolicyLossGraph() {}

  /** The first responses of the pairs (0,1), (0,2), …, (1,2), … of a prompt. */
  static int[] first(int k) {
    return pairs(k).map(ij -> ij / k).toArray();
  }

  /** The second responses of the same pairs. */
  static int[] second(int k) {
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
    ImmutableMap<String, SDVariable> placeholders =
        placeholders(
            now.get(0).getSameDiff(),
            now.size(),
            groups,
            objective.rewardView() != PolicyLoss.RewardView.DIFFERENCES);
    Function<String, SDVariable> placeholder = name -> get(placeholders, name);
    return objective.build(
        new ResponseVariables(
            now.size(),
            groups,
            now::get,
            i -> placeholder.apply(OLD + i),
            i -> placeholder.apply(REFERENCE + i),
            i -> {
              checkSeesRewards(objective);
              return placeholder.apply(REWARD + i);
            },
            () -> {
              checkSeesRewards(objective);
              return new ResponseVariables.BatchMeans(
                  placeholder.apply(MEAN_REWARD), placeholder.apply(MEAN_KL));
            },
            Suppliers.memoize(() -> pairs(placeholder, now, groups))));
  }

  private static void checkSeesRewards(PolicyLoss objective) {
    if (objective.rewardView() == PolicyLoss.RewardView.DIFFERENCES) {
      throw new IllegalStateException(
          objective.name()
              + ": expected to see differences of rewards alone, as its rewardView says, got asked"
              + " for rewards");
    }
  }

  /**
   * The placeholders of an objective. They are made before it is built, as it may be in a name
   * scope, in which SameDiff makes none that work. A graph that has one of the names is refused.
   */
  private static ImmutableMap<String, SDVariable> placeholders(
      SameDiff graph, int k, int groups, boolean ofRewards) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    for (int i = 0; i < k; i++) {
      shapes.put(OLD + i, new long[] {groups});
      shapes.put(REFERENCE + i, new long[] {groups});
      if (ofRewards) {
        shapes.put(REWARD + i, new long[] {groups});
      }
    }
    if (ofRewards) {
      shapes.put(MEAN_REWARD, new long[0]);
      shapes.put(MEAN_KL, new long[0]);
    }
    long[] ofPairs = {(long) k * (k - 1) / 2 * groups};
    shapes.put(REWARD_DIFFERENCE, ofPairs);
    for (String name : List.of(OLD, REFERENCE)) {
      shapes.put(name + firstOfPairs(k), ofPairs);
      shapes.put(name + secondOfPairs(k), ofPairs);
    }
    ImmutableMap.Builder<String, SDVariable> made = ImmutableMap.builder();
    shapes.forEach(
        (name, shape) -> made.put(name, graph.placeHolder(name, DataType.DOUBLE, shape)));
    return made.buildOrThrow();
  }

  private static SDVariable get(Map<String, SDVariable> placeholders, String name) {
    SDVariable placeholder = placeholders.get(name);
    checkArgument(
        placeholder != null, "response: expected one of %s, got %s", placeholders.keySet(), name);
    return placeholder;
  }

  /** The responses themselves are all that is needed of two. */
  private static String firstOfPairs(int k) {
    return k == 2 ? "0" : FIRST;
  }

  private static String secondOfPairs(int k) {
    return k == 2 ? "1" : SECOND;
  }

  private static PairVariables pairs(
      Function<String, SDVariable> placeholder, ImmutableList<SDVariable> now, int groups) {
    int k = now.size();
    ImmutableList<SDVariable> s = k == 2 ? now : firstAndSecond(now, k * (k - 1) / 2 * groups);
    return new PairVariables(
        s.get(0),
        s.get(1),
        placeholder.apply(OLD + firstOfPairs(k)),
        placeholder.apply(OLD + secondOfPairs(k)),
        placeholder.apply(REFERENCE + firstOfPairs(k)),
        placeholder.apply(REFERENCE + secondOfPairs(k)),
        placeholder.apply(REWARD_DIFFERENCE));
  }

  /** log π_θ of the first and of the second responses of all pairs. */
  private static ImmutableList<SDVariable> firstAndSecond(ImmutableList<SDVariable> now, int size) {
    SDVariable rows = Ops.stack(now);
    return Stream.of(first(now.size()), second(now.size()))
        .map(ids -> rows.getSameDiff().constant(Nd4j.createFromArray(ids)))
        .map(ids -> Ops.reshape(Ops.rows(rows, ids), size))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * What the placeholders hold for a part of a batch.
   *
   * @param batch the prompts that the graph sees
   * @param whole the batch that they are a part of, over which the means are taken
   */
  public static Map<String, INDArray> feed(PairwiseBatch batch, Whole whole) {
    Map<String, INDArray> feed = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    int groups = batch.groups();
    PointwiseProgram.Inputs inputs = inputs(batch, () -> whole);
    inputs
        .lanes()
        .forEach(
            (name, lanes) -> {
              double[] values = new double[isOfPairs(name) ? k * (k - 1) / 2 * groups : groups];
              lanes.read(0, values, values.length);
              feed.put(name, Nd4j.createFromArray(values));
            });
    inputs.numbers().forEach((name, number) -> feed.put(name, Nd4j.scalar(number.getAsDouble())));
    return feed;
  }

  private static boolean isOfPairs(String name) {
    return name.endsWith(FIRST) || name.endsWith(SECOND) || name.equals(REWARD_DIFFERENCE);
  }

  /** The same and log π_θ for a {@link PointwiseProgram}, read where it lies. */
  static PointwiseProgram.Inputs inputs(PairwiseBatch batch, LogProbs logProbs) {
    PointwiseProgram.Inputs inputs =
        inputs(batch, Suppliers.memoize(() -> Whole.of(batch, batch.groups())));
    int k = batch.responsesPerPrompt();
    for (int i = 0; i < k; i++) {
      inputs.lanes().put(NOW + i, row(logProbs.values(), k, i));
    }
    return inputs;
  }

  private static PointwiseProgram.Inputs inputs(PairwiseBatch batch, Supplier<Whole> whole) {
    Map<String, PointwiseProgram.Lanes> lanes = new LinkedHashMap<>();
    int k = batch.responsesPerPrompt();
    ImmutableDoubleArray old = batch.oldLogProbs().values();
    ImmutableDoubleArray reference = batch.referenceLogProbs().values();
    ImmutableDoubleArray rewards = batch.rewards().values();
    for (int i = 0; i < k; i++) {
      lanes.put(OLD + i, row(old, k, i));
      lanes.put(REFERENCE + i, row(reference, k, i));
      lanes.put(REWARD + i, row(rewards, k, i));
    }
    lanes.put(OLD + FIRST, rows(old, k, first(k)));
    lanes.put(OLD + SECOND, rows(old, k, second(k)));
    lanes.put(REFERENCE + FIRST, rows(reference, k, first(k)));
    lanes.put(REFERENCE + SECOND, rows(reference, k, second(k)));
    lanes.put(REWARD_DIFFERENCE, differences(rewards, k));
    Map<String, DoubleSupplier> numbers = new LinkedHashMap<>();
    numbers.put(MEAN_REWARD, () -> whole.get().meanReward());
    numbers.put(MEAN_KL, () -> whole.get().meanRolloutKl());
    numbers.put(KlScale.NAME, () -> 1);
    return new PointwiseProgram.Inputs(lanes, numbers);
  }

  /** Row i of a row-major grid of k rows. */
  private static PointwiseProgram.Lanes row(ImmutableDoubleArray values, int k, int i) {
    return rows(values, k, new int[] {i});
  }

  /** Some rows of a row-major grid of k rows, one after the other. */
  static PointwiseProgram.Lanes rows(ImmutableDoubleArray values, int k, int[] rows) {
    int groups = values.length() / k;
    return (from, into, count) -> {
      int part;
      for (int done = 0; done < count; done += part) {
        int column = (from + done) % groups;
        part = Math.min(count - done, groups - column);
        copy(values, rows[(from + done) / groups] * groups + column, into, done, part);
      }
    };
  }

  /** Copies some elements; a copy of a sub-array would write them to memory twice. */
  private static void copy(ImmutableDoubleArray from, int at, double[] into, int to, int count) {
    for (int i = 0; i < count; i++) {
      into[to + i] = from.get(at + i);
    }
  }

  /** r_i − r_j of all pairs, in float64. */
  private static PointwiseProgram.Lanes differences(ImmutableDoubleArray rewards, int k) {
    int groups = rewards.length() / k;
    int[] first = first(k);
    int[] second = second(k);
    return (from, into, count) -> {
      int part;
      for (int done = 0; done < count; done += part) {
        int pair = (from + done) / groups;
        int column = (from + done) % groups;
        part = Math.min(count - done, groups - column);
        int a = first[pair] * groups + column;
        int b = second[pair] * groups + column;
        for (int i = 0; i < part; i++) {
          into[done + i] = rewards.get(a + i) - rewards.get(b + i);
        }
      }
    };
  }
}
