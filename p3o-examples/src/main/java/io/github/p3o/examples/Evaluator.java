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
 * @param language whether a response (second) continues a prompt (first) by the rules
 * @param seed of the sampling
 */
record Evaluator(
    ImmutableList<Prompt> prompts,
    TextCodec codec,
    LogProbability reference,
    RewardModel reward,
    @Nullable Gold gold,
    BiPredicate<String, String> language,
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
    double[] references = reference.of(of, samples.responses());
    int count = samples.responses().size();
    ImmutableList.Builder<String> texts = ImmutableList.builder();
    double[] rewards = reward.score(of, samples.responses());
    double[] golds = new double[count];
    double[] kls = new double[count];
    double[] lengths = new double[count];
    double[] wellFormed = new double[count];
    for (int i = 0; i < count; i++) {
      Response response = samples.responses().get(i);
      String text = codec.text(of.get(i), response);
      texts.add(text);
      golds[i] = gold == null ? rewards[i] : gold.score(text);
      kls[i] = samples.behaviour().values().get(i) - references[i];
      lengths[i] = response.length();
      wellFormed[i] = response.ended() && language.test(codec.text(of.get(i)), text) ? 1 : 0;
    }
    return new Judged(
        prompts.stream()
            .map(codec::text)
            .map(String::strip)
            .collect(ImmutableList.toImmutableList()),
        texts.build(),
        ImmutableDoubleArray.copyOf(rewards),
        ImmutableDoubleArray.copyOf(golds),
        ImmutableDoubleArray.copyOf(kls),
        ImmutableDoubleArray.copyOf(lengths),
        ImmutableDoubleArray.copyOf(wellFormed));
  }
}
