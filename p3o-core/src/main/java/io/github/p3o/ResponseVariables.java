package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.Ops;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The k responses to each prompt as variables of a graph: what an objective is made of. All are
 * float64, {@code [groups]} or one value for each pair of responses; log-probabilities in nats.
 * Only {@link #logProb} and the pairs made of it carry a gradient.
 */
public final class ResponseVariables {

  /**
   * Means over all responses of a whole batch, of which a graph may see a part; scalars, float64.
   *
   * @param reward mean of r
   * @param rolloutKl mean of log π_old − log π_ref
   */
  public record BatchMeans(SDVariable reward, SDVariable rolloutKl) {}

  private final int groups;
  private final IntFunction<SDVariable> now;
  private final IntFunction<SDVariable> old;
  private final IntFunction<SDVariable> reference;
  private final IntFunction<SDVariable> rewards;
  private final Supplier<BatchMeans> means;
  private final Supplier<PairVariables> pairs;
  private final int count;

  /**
   * The variables of a graph.
   *
   * @param responses k, at least 2
   * @param groups prompts
   * @param now gives log π_θ of a response
   * @param old gives log π_old of a response
   * @param reference gives log π_ref of a response
   * @param rewards gives the reward of a response; asked only by objectives that see rewards as
   *     they are
   * @param means gives the means of the batch; asked as rewards are
   * @param pairs gives all pairs of responses, one after the other: (1,2) of every prompt, (1,3) of
   *     every prompt, …
   */
  public ResponseVariables(
      int responses,
      int groups,
      IntFunction<SDVariable> now,
      IntFunction<SDVariable> old,
      IntFunction<SDVariable> reference,
      IntFunction<SDVariable> rewards,
      Supplier<BatchMeans> means,
      Supplier<PairVariables> pairs) {
    checkArgument(responses >= 2, "responses: expected at least 2 a prompt, got %s", responses);
    this.count = responses;
    this.groups = groups;
    this.now = now;
    this.old = old;
    this.reference = reference;
    this.rewards = rewards;
    this.means = means;
    this.pairs = pairs;
  }

  /**
   * The responses of each prompt.
   *
   * @return k
   */
  public int count() {
    return count;
  }

  /**
   * log π_θ(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}, with a gradient
   */
  public SDVariable logProb(int response) {
    return now.apply(response);
  }

  /**
   * log π_old(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}
   */
  public SDVariable oldLogProb(int response) {
    return old.apply(response);
  }

  /**
   * log π_ref(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}
   */
  public SDVariable referenceLogProb(int response) {
    return reference.apply(response);
  }

  /**
   * The reward as it is: an objective that asks for it can be changed by a shift of the reward.
   *
   * @param response i, from 0
   * @return r_i {@code [groups]}
   * @throws IllegalStateException if the objective says that it sees differences alone
   */
  public SDVariable reward(int response) {
    return rewards.apply(response);
  }

  /**
   * Means over all responses of the whole batch, for a baseline.
   *
   * @return scalars
   * @throws IllegalStateException if the objective says that it sees differences alone
   */
  public BatchMeans batchMeans() {
    return means.get();
  }

  /**
   * All k(k−1)/2 pairs of responses of all prompts, in one: the graph does not grow with k.
   *
   * @return pairs, their rewards as differences {@code [k(k−1)/2 × groups]}
   */
  public PairVariables pairs() {
    return pairs.get();
  }

  /**
   * The mean over the pairs of each prompt.
   *
   * @param ofEach a value of each pair, in the order of {@link #pairs}
   * @return {@code [groups]}
   */
  public SDVariable meanOverPairs(SDVariable ofEach) {
    if (count == 2) {
      return ofEach;
    }
    SDVariable byPair = Ops.reshape(ofEach, pairsOfAPrompt(), groups);
    return Ops.multiply(Ops.sum(byPair, 0), 1.0 / pairsOfAPrompt());
  }

  /**
   * The mean of each response against the others to the same prompt: of x(i, j) over all j ≠ i,
   * with x(j, i) = −x(i, j).
   *
   * @param difference x of each pair, in the order of {@link #pairs}
   * @return k variables {@code [groups]}
   */
  public ImmutableList<SDVariable> meanAgainstOthers(SDVariable difference) {
    if (count == 2) {
      return ImmutableList.of(difference, Ops.negate(difference));
    }
    double[][] signs = new double[count][pairsOfAPrompt()];
    int pair = 0;
    for (int i = 0; i < count; i++) {
      for (int j = i + 1; j < count; j++) {
        signs[i][pair] = 1.0 / (count - 1);
        signs[j][pair] = -1.0 / (count - 1);
        pair++;
      }
    }
    SDVariable byPair = Ops.reshape(difference, pairsOfAPrompt(), groups);
    SDVariable against = difference.getSameDiff().constant(Nd4j.createFromArray(signs));
    return ImmutableList.copyOf(Ops.unstack(Ops.matmul(against, byPair), count));
  }

  private int pairsOfAPrompt() {
    return count * (count - 1) / 2;
  }
}
