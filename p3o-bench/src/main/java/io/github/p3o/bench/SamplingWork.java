package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;

/** 128 new tokens for each of some prompts of 8, by the library, with a cache. */
final class SamplingWork implements AutoCloseable {

  static final int PROMPT = 8;
  static final int NEW_TOKENS = 128;

  /** So few that no two tokens come so close that rounding chooses. */
  static final int GREEDY_SEQUENCES = 4;

  static final int GREEDY_TOKENS = 4;

  private final int[] tokens;
  private final TransformerPolicy policy;
  private final PairSampler sampler;
  private final ImmutableList<Prompt> prompts;

  SamplingWork(ModelSize size, int sequences) {
    policy = ModelWork.policy(size, PROMPT + NEW_TOKENS + 1, DataType.FLOAT);
    sampler = policy.sampler(NEW_TOKENS);
    tokens = Numbers.below(size.vocabulary(), 0, sequences * PROMPT);
    prompts =
        IntStream.range(0, sequences)
            .mapToObj(i -> Prompt.of(Arrays.copyOfRange(tokens, i * PROMPT, (i + 1) * PROMPT)))
            .collect(ImmutableList.toImmutableList());
  }

  TransformerPolicy policy() {
    return policy;
  }

  /** Of the prompts {@code [sequences × 8]}. */
  long[] ids() {
    return IntStream.of(tokens).asLongStream().toArray();
  }

  Samples sample() {
    return sampler.sample(prompts, 1, new SplittableRandom(3));
  }

  /**
   * What tells whether another program has the same decoder and cache: the sum over the first most
   * probable tokens after the first prompts, of id × place.
   */
  long greedy() {
    ImmutableList<Prompt> first = prompts.subList(0, Math.min(prompts.size(), GREEDY_SEQUENCES));
    long sum = 0;
    for (Response response : policy.greedy(first, GREEDY_TOKENS)) {
      for (int t = 0; t < response.length(); t++) {
        sum += (t + 1L) * response.tokens().get(t);
      }
    }
    return sum;
  }

  @Override
  public void close() {
    policy.close();
  }
}
