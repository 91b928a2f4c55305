package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Parameters;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.OptionalInt;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;

/** Small random models for tests. */
final class TinyModels {

  static final int VOCABULARY = 11;
  static final int END = 2;

  private TinyModels() {}

  /** Two layers; the widths of real models in small. */
  static LlamaConfig config(int headSize, int heads, int keyValueHeads, boolean tied) {
    return new LlamaConfig(
        VOCABULARY,
        heads * headSize,
        10,
        2,
        heads,
        keyValueHeads,
        30,
        1e-5,
        10_000,
        tied,
        OptionalInt.of(1),
        OptionalInt.of(END));
  }

  /** The usual one: four query heads over two key heads. */
  static LlamaConfig config() {
    return config(4, 4, 2, false);
  }

  /** A policy whose probabilities are far from uniform. */
  static TransformerPolicy policy(LlamaConfig config, DataType type) {
    TransformerPolicy policy = TransformerPolicy.random(config, type, 5);
    scatter(policy.parameters());
    return policy;
  }

  /** Adds noise of deviation 0.3 to every parameter. */
  static void scatter(Parameters parameters) {
    Random random = new Random(17);
    parameters.update(
        vector -> {
          for (long i = 0; i < vector.length(); i++) {
            vector.putScalar(i, vector.getDouble(i) + 0.3 * random.nextGaussian());
          }
        });
  }

  /** Prompts of 1 to {@code longest} random tokens. */
  static ImmutableList<Prompt> prompts(int count, int longest, int vocabulary) {
    Random random = new Random(3);
    ImmutableList.Builder<Prompt> prompts = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      prompts.add(Prompt.of(tokens(random, 1 + random.nextInt(longest), vocabulary)));
    }
    return prompts.build();
  }

  /** Responses of 1 to {@code longest} random tokens. */
  static ImmutableList<Response> responses(int count, int longest, int vocabulary) {
    Random random = new Random(4);
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      responses.add(Response.of(tokens(random, 1 + random.nextInt(longest), vocabulary)));
    }
    return responses.build();
  }

  private static int[] tokens(Random random, int count, int vocabulary) {
    return random.ints(count, 0, vocabulary).toArray();
  }
}
