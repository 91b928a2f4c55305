package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import java.util.function.IntFunction;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The k responses to each prompt as variables of a graph: what an objective is made of. All are
 * {@code [groups]}, float64; log-probabilities in nats. Only {@link #logProb} carries a gradient.
 */
public final class ResponseVariables {

  /** Gives the variable of a pair of responses. */
  @FunctionalInterface
  public interface OfPair {

    /**
     * The variable of a pair.
     *
     * @param i first response, from 0
     * @param j second response
     * @return a variable {@code [groups]}
     */
    SDVariable of(int i, int j);
  }

  /**
   * Means over all responses of a whole batch, of which a graph may see a part; scalars, float64.
   *
   * @param reward mean of r
   * @param rolloutKl mean of log π_old − log π_ref
   */
  public record BatchMeans(SDVariable reward, SDVariable rolloutKl) {}

  private final ImmutableList<SDVariable> now;
  private final ImmutableList<SDVariable> old;
  private final ImmutableList<SDVariable> reference;
  private final IntFunction<SDVariable> rewards;
  private final BatchMeans means;
  private final OfPair rewardDifferences;

  /**
   * The variables of a graph.
   *
   * @param now log π_θ of each response {@code [k]}
   * @param old log π_old of each response {@code [k]}
   * @param reference log π_ref of each response {@code [k]}
   * @param rewards gives the reward of a response; asked only by objectives that see rewards as
   *     they are
   * @param means of the batch
   * @param rewardDifferences gives r_i − r_j, subtracted in float64 before it enters the graph
   */
  public ResponseVariables(
      ImmutableList<SDVariable> now,
      ImmutableList<SDVariable> old,
      ImmutableList<SDVariable> reference,
      IntFunction<SDVariable> rewards,
      BatchMeans means,
      OfPair rewardDifferences) {
    checkArgument(
        old.size() == now.size() && reference.size() == now.size(),
        "old, reference: expected %s responses as now, got %s and %s",
        now.size(),
        old.size(),
        reference.size());
    this.now = now;
    this.old = old;
    this.reference = reference;
    this.rewards = rewards;
    this.means = means;
    this.rewardDifferences = rewardDifferences;
  }

  /**
   * The responses of each prompt.
   *
   * @return k
   */
  public int count() {
    return now.size();
  }

  /**
   * log π_θ(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}, with a gradient
   */
  public SDVariable logProb(int response) {
    return now.get(response);
  }

  /**
   * log π_old(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}
   */
  public SDVariable oldLogProb(int response) {
    return old.get(response);
  }

  /**
   * log π_ref(y_i|x).
   *
   * @param response i, from 0
   * @return {@code [groups]}
   */
  public SDVariable referenceLogProb(int response) {
    return reference.get(response);
  }

  /**
   * The reward as it is: an objective that asks for it can be changed by a shift of the reward.
   *
   * @param response i, from 0
   * @return r_i {@code [groups]}
   */
  public SDVariable reward(int response) {
    return rewards.apply(response);
  }

  /**
   * Means over all responses of the whole batch, for a baseline.
   *
   * @return scalars
   */
  public BatchMeans batchMeans() {
    return means;
  }

  /**
   * Two of the responses.
   *
   * @param i first, from 0
   * @param j second
   * @return the pair, its reward as a difference
   */
  public PairVariables pair(int i, int j) {
    return new PairVariables(
        now.get(i),
        now.get(j),
        old.get(i),
        old.get(j),
        reference.get(i),
        reference.get(j),
        rewardDifferences.of(i, j));
  }
}
