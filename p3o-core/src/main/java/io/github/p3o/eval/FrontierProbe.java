package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TokenLogProbs;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.Scoring;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/**
 * Measures the reward of policies and their KL to a reference, both on the same responses to the
 * same held-out prompts, drawn with the same chance for every policy. With u the difference log π −
 * log π_ref of a token, a response's KL is estimated by k1 = Σ u and by k3 = Σ (exp(−u) − 1 + u)
 * over its tokens (Schulman, "Approximating KL divergence", 2020): both have the mean KL(π‖π_ref)
 * over samples of π. k3 is never negative; it scatters less while the policy is near the reference,
 * often more from a few nats on. It is confined to one thread.
 */
public final class FrontierProbe implements AutoCloseable {

  private final ImmutableList<Prompt> prompts;
  private final int responses;
  private final Policy reference;
  private final PolicyScorer referenceScorer;
  private final RewardModel rewardModel;
  private final int sequencesAtOnce;
  private final long seed;
  private boolean closed;

  /**
   * A probe.
   *
   * @param prompts held out, at least one
   * @param responses k ≥ 2, the responses to each prompt
   * @param reference π_ref, such as a {@link Policy#frozenCopy}: to a policy that is itself trained
   *     the KL of that policy is 0 for ever; stays the caller's to close
   * @param rewardModel scores the responses
   * @param sequencesAtOnce sequences that are scored at once, ≥ 1: bounds the memory
   * @param seed of the sampling, the same for every policy
   * @throws IllegalArgumentException for no prompts, or a number that is too small
   */
  public FrontierProbe(
      ImmutableList<Prompt> prompts,
      int responses,
      Policy reference,
      RewardModel rewardModel,
      int sequencesAtOnce,
      long seed) {
    checkArgument(!prompts.isEmpty(), "prompts: expected at least one, got none");
    checkArgument(responses >= 2, "responses: expected at least 2, got %s", responses);
    this.prompts = prompts;
    this.responses = responses;
    this.reference = reference;
    this.referenceScorer = new PolicyScorer(reference, sequencesAtOnce);
    this.rewardModel = rewardModel;
    this.sequencesAtOnce = sequencesAtOnce;
    this.seed = seed;
  }

  /**
   * What a policy answered. Arrays are flat {@code [k, prompts]}, in the order of the responses.
   *
   * @param samples the responses
   * @param rewards of each response
   * @param k1 Σ u of each response, nats
   * @param k3 Σ (exp(−u) − 1 + u) of each response, nats
   * @param exactKl KL(π‖π_ref) by summing over every response to every prompt, nats; empty unless
   *     both policies are tables
   */
  public record Measurement(
      Samples samples,
      ImmutableDoubleArray rewards,
      ImmutableDoubleArray k1,
      ImmutableDoubleArray k3,
      OptionalDouble exactKl) {}

  /**
   * Draws responses and measures them.
   *
   * @param policy π as it is now; may be used again and trained on afterwards
   * @param sampler draws from π
   * @return rewards and KL of what was drawn
   * @throws IllegalArgumentException if a log-probability is not finite
   * @throws IllegalStateException after {@link #close}
   */
  public Measurement measure(Policy policy, PairSampler sampler) {
    checkState(!closed, "probe: expected an open one, got one that was closed");
    Samples samples =
        Given.notNull(
            "sampler", "samples", sampler.sample(prompts, responses, new SplittableRandom(seed)));
    ImmutableList<Prompt> of = samples.promptOfEach();
    ImmutableList<TokenLogProbs> now;
    try (PolicyScorer scorer = new PolicyScorer(policy, sequencesAtOnce)) {
      now = scorer.tokenLogProbs(of, samples.responses());
    }
    ImmutableList<TokenLogProbs> before = referenceScorer.tokenLogProbs(of, samples.responses());
    return new Measurement(
        samples,
        ImmutableDoubleArray.copyOf(Scoring.rewards(rewardModel, of, samples.responses())),
        sums(now, before, u -> u),
        sums(now, before, u -> Math.expm1(-u) + u),
        exact(policy));
  }

  private static ImmutableDoubleArray sums(
      ImmutableList<TokenLogProbs> now,
      ImmutableList<TokenLogProbs> before,
      DoubleUnaryOperator ofToken) {
    ImmutableDoubleArray.Builder sums = ImmutableDoubleArray.builder(now.size());
    for (int i = 0; i < now.size(); i++) {
      double sum = 0;
      for (int token = 0; token < now.get(i).length(); token++) {
        sum += ofToken.applyAsDouble(now.get(i).get(token) - before.get(i).get(token));
      }
      sums.add(sum);
    }
    return sums.build();
  }

  private OptionalDouble exact(Policy policy) {
    return policy instanceof TabularPolicy table && reference instanceof TabularPolicy of
        ? OptionalDouble.of(
            prompts.stream()
                .mapToInt(prompt -> prompt.tokens().get(0))
                .mapToDouble(context -> kl(table.probabilities(context), of.probabilities(context)))
                .average()
                .orElseThrow())
        : OptionalDouble.empty();
  }

  private static double kl(double[] p, double[] q) {
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      sum += p[i] == 0 ? 0 : p[i] * Math.log(p[i] / q[i]);
    }
    return sum;
  }

  /** Frees native memory; the reference stays the caller's. */
  @Override
  public void close() {
    referenceScorer.close();
    closed = true;
  }
}
