package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.examples.report.Estimate;
import java.util.LinkedHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a policy answered to some prompts, and how good that is. Arrays are flat {@code [k,
 * prompts]}, in the order of the texts. Errors are over the different prompts, or over the answers
 * if there is one prompt alone.
 *
 * @param prompts their texts {@code [prompts]}, some perhaps several times
 * @param texts the responses {@code [k, prompts]}
 * @param reward by the reward model that the policy is trained on
 * @param gold by the known preference
 * @param kl k1 = log π(y|x) − log π_ref(y|x), summed over the response, nats; its mean over samples
 *     of π is KL(π‖π_ref)
 * @param kl3 the same by k3 of each token: never negative; scatters less while the policy is near
 *     the reference, often more from a few nats on
 * @param length response tokens, the end token included
 * @param wellFormed 1 where the text keeps the rules of its language, 0 elsewhere
 */
public record Judged(
    ImmutableList<String> prompts,
    ImmutableList<String> texts,
    ImmutableDoubleArray reward,
    ImmutableDoubleArray gold,
    ImmutableDoubleArray kl,
    ImmutableDoubleArray kl3,
    ImmutableDoubleArray length,
    ImmutableDoubleArray wellFormed) {

  /** Reward by the model that the policy is trained on. */
  public Estimate meanReward() {
    return mean(reward);
  }

  /** Reward by the known preference. */
  public Estimate meanGold() {
    return mean(gold);
  }

  /** KL(π‖π_ref) of whole responses, nats. */
  public Estimate meanKl() {
    return mean(kl);
  }

  /** The same by k3. */
  public Estimate meanKl3() {
    return mean(kl3);
  }

  /** Response tokens. */
  public Estimate meanLength() {
    return mean(length);
  }

  /** The share of responses that have this many tokens, most of them cut off there. */
  public double shareOfLength(int tokens) {
    return (double) length.stream().filter(each -> each >= tokens).count() / length.length();
  }

  /** The share of texts that keep the rules. */
  Estimate meanWellFormed() {
    return mean(wellFormed);
  }

  /** How many of the prompts are different ones. */
  int distinctPrompts() {
    return ImmutableSet.copyOf(prompts).size();
  }

  /** The mean over responses of a prompt, and over prompts. */
  private Estimate mean(ImmutableDoubleArray values) {
    int n = prompts.size();
    int k = values.length() / n;
    double[] byPlace = new double[n];
    for (int i = 0; i < values.length(); i++) {
      byPlace[i % n] += values.get(i) / k;
    }
    return overPrompts(byPlace);
  }

  /** How often gold prefers a response of this policy to one of the other; a tie is half a win. */
  public Estimate winRate(Judged other) {
    int n = prompts.size();
    int k = gold.length() / n;
    double[] byPlace = new double[n];
    for (int g = 0; g < n; g++) {
      for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++) {
          double mine = gold.get(i * n + g);
          byPlace[g] += (1 + Math.signum(mine - other.gold.get(j * n + g))) / 2 / (k * k);
        }
      }
    }
    return overPrompts(byPlace);
  }

  /**
   * A prompt that is there several times gives one value, as its answers say little of other
   * prompts. Where all are the same prompt, the error is over its answers.
   *
   * @param byPlace {@code [prompts]}
   */
  private Estimate overPrompts(double[] byPlace) {
    return distinctPrompts() == 1
        ? Estimate.of(byPlace)
        : Estimate.of(
            IntStream.range(0, byPlace.length)
                .boxed()
                .collect(
                    Collectors.groupingBy(
                        prompts::get,
                        LinkedHashMap::new,
                        Collectors.averagingDouble(g -> byPlace[g])))
                .values()
                .stream()
                .mapToDouble(Double::doubleValue)
                .toArray());
  }
}
