package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.Given;
import java.util.Arrays;
import java.util.List;

/**
 * What a {@link PairSampler} drew: k responses to each prompt, with the log-probability that the
 * sampling distribution gave them at the time.
 *
 * @param prompts {@code [groups]}
 * @param responses row-major {@code [k, groups]}: first the first response to every prompt, then
 *     the second
 * @param behaviour log π_old(y|x) in nats {@code [k, groups]}, under the distribution that was
 *     sampled from, temperature included
 */
public record Samples(
    ImmutableList<Prompt> prompts, ImmutableList<Response> responses, LogProbs behaviour) {

  /** Checks that the three are there and agree in size. */
  public Samples {
    Given.notNull("prompts", "the prompts", prompts);
    Given.notNull("responses", "the responses", responses);
    Given.notNull("behaviour", "log-probabilities", behaviour);
    checkArgument(
        behaviour.groups() == prompts.size(),
        "behaviour: expected %s prompts, got %s",
        prompts.size(),
        behaviour.groups());
    checkArgument(
        responses.size() == behaviour.responses() * prompts.size(),
        "responses: expected %s (%s for each of %s prompts), got %s",
        behaviour.responses() * prompts.size(),
        behaviour.responses(),
        prompts.size(),
        responses.size());
  }

  /** The samples of several calls, side by side. */
  static Samples join(List<Samples> parts) {
    int k = parts.get(0).behaviour().responses();
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    double[][] behaviour = new double[k][];
    for (int i = 0; i < k; i++) {
      for (Samples part : parts) {
        int groups = part.prompts().size();
        responses.addAll(part.responses().subList(i * groups, (i + 1) * groups));
      }
      int row = i;
      behaviour[i] =
          parts.stream()
              .flatMapToDouble(part -> Arrays.stream(part.behaviour().row(row)))
              .toArray();
    }
    return new Samples(
        parts.stream()
            .flatMap(part -> part.prompts().stream())
            .collect(ImmutableList.toImmutableList()),
        responses.build(),
        LogProbs.of(behaviour));
  }

  static void checkSeeds(List<Prompt> prompts, ImmutableLongArray seeds) {
    checkArgument(
        seeds.length() == prompts.size(),
        "seeds: expected %s, one for each prompt, got %s",
        prompts.size(),
        seeds.length());
  }

  /**
   * The prompt of every response, in the order of the responses.
   *
   * @return {@code [k × groups]}
   */
  public ImmutableList<Prompt> promptOfEach() {
    ImmutableList.Builder<Prompt> repeated = ImmutableList.builder();
    for (int i = 0; i < behaviour.responses(); i++) {
      repeated.addAll(prompts);
    }
    return repeated.build();
  }
}
