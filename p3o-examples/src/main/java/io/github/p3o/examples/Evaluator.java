package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiPredicate;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Judges what a policy answers to held-out prompts. The same chance for every policy, so that
 * differences between policies are less noisy than each by itself.
 *
 * @param prompts held out
 * @param codec of the policies
 * @param reference log π_ref
 * @param reward what policies are trained on
 * @param gold the known preference; without one the reward stands for it
 * @param language whether a response (second) continues a prompt (first) by the rules; null for a
 *     language without rules
 * @param seed of the sampling
 */
record Evaluator(
    ImmutableList<Prompt> prompts,
    TextCodec codec,
    LogProbability reference,
    RewardModel reward,
    @Nullable Gold gold,
    @Nullable BiPredicate<String, String> language,
    long seed) {

  /** Responses to each prompt. */
  private static final int RESPONSES = 2;

  /** log π(y|x) of given responses. */
  @FunctionalInterface
  interface LogProbability {
    double[] of(List<Prompt> prompts, List<Response> responses);
  }

  /** Draws responses and judges them. */
  Judged judge(PairSampler policy) {
    Samples samples = policy.sample(prompts, RESPONSES, new SplittableRandom(seed));
    ImmutableList<Prompt> of = samples.promptOfEach();
    ImmutableList<Response> responses = samples.responses();
    double[] references = reference.of(of, responses);
    double[] rewards = reward.score(of, responses);
    ImmutableList<String> texts =
        IntStream.range(0, responses.size())
            .mapToObj(i -> codec.text(of.get(i), responses.get(i)))
            .collect(ImmutableList.toImmutableList());
    return new Judged(
        prompts.stream()
            .map(prompt -> codec.text(prompt).strip())
            .collect(ImmutableList.toImmutableList()),
        texts,
        ImmutableDoubleArray.copyOf(rewards),
        each(i -> gold == null ? rewards[i] : gold.score(texts.get(i))),
        each(i -> samples.behaviour().values().get(i) - references[i]),
        each(i -> responses.get(i).length()),
        each(i -> wellFormed(of.get(i), responses.get(i), texts.get(i))));
  }

  private ImmutableDoubleArray each(IntToDoubleFunction value) {
    return ImmutableDoubleArray.copyOf(
        IntStream.range(0, RESPONSES * prompts.size()).mapToDouble(value));
  }

  /** A response that was cut is not; where there are no rules nobody knows. */
  private double wellFormed(Prompt prompt, Response response, String text) {
    if (language == null) {
      return Double.NaN;
    }
    return response.ended() && language.test(codec.text(prompt), text) ? 1 : 0;
  }
}
