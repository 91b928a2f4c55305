package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.text.TextCodec;
import java.util.function.BiPredicate;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Judges what a policy answers to prompts, best held-out ones. The same chance for every policy, so
 * that differences between policies are less noisy than each by itself.
 *
 * @param probe of the prompts, the reference and the reward that policies are trained on
 * @param codec of the policies
 * @param gold the known preference; without one the reward stands for it
 * @param language whether a response (second) continues a prompt (first) by the rules; null for a
 *     language without rules
 */
public record Evaluator(
    FrontierProbe probe,
    TextCodec codec,
    @Nullable Gold gold,
    @Nullable BiPredicate<String, String> language) {

  /** Responses to each prompt. */
  public static final int RESPONSES = 2;

  /** Draws responses and judges them. */
  Judged judge(Policy policy, PairSampler sampler) {
    return judged(probe.measure(policy, sampler));
  }

  /** Judges responses that were measured. */
  Judged judged(FrontierProbe.Measurement measured) {
    ImmutableList<Prompt> of = measured.samples().promptOfEach();
    ImmutableList<Response> responses = measured.samples().responses();
    ImmutableList<String> texts =
        IntStream.range(0, responses.size())
            .mapToObj(i -> codec.text(of.get(i), responses.get(i)))
            .collect(ImmutableList.toImmutableList());
    return new Judged(
        measured.samples().prompts().stream()
            .map(prompt -> codec.text(prompt).strip())
            .collect(ImmutableList.toImmutableList()),
        texts,
        measured.rewards(),
        gold == null ? measured.rewards() : each(texts.size(), i -> gold.score(texts.get(i))),
        measured.k1(),
        measured.k3(),
        each(texts.size(), i -> responses.get(i).length()),
        each(texts.size(), i -> wellFormed(of.get(i), responses.get(i), texts.get(i))));
  }

  private static ImmutableDoubleArray each(int count, IntToDoubleFunction value) {
    return ImmutableDoubleArray.copyOf(IntStream.range(0, count).mapToDouble(value));
  }

  /** A response that was cut is not; where there are no rules nobody knows. */
  private double wellFormed(Prompt prompt, Response response, String text) {
    if (language == null) {
      return Double.NaN;
    }
    return response.ended() && language.test(codec.text(prompt), text) ? 1 : 0;
  }
}
