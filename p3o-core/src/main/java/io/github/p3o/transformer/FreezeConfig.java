package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableSet;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What of a model is not trained: every parameter of whose name one of these is a part.
 *
 * @param names parts of the names of parameters, from dot to dot, such as {@code embed_tokens},
 *     {@code layers.0}, {@code self_attn.q_proj} or {@code bias}; at least one
 */
public record FreezeConfig(ImmutableSet<String> names) {

  /** Checks that there is a name. */
  public FreezeConfig {
    checkArgument(!names.isEmpty(), "names: expected at least one, got none");
  }

  /**
   * Freezes the embeddings and the first layers, as TRL's {@code create_reference_model} does with
   * those that policy and reference share. The output layer of a model with tied embeddings is the
   * embedding, and so frozen too.
   *
   * @param architecture of the model
   * @param layers decoder layers from the first on, ≥ 0
   * @return the names of both
   */
  public static FreezeConfig firstLayers(Architecture architecture, int layers) {
    checkArgument(layers >= 0, "layers: expected at least 0, got %s", layers);
    boolean isGpt2 = architecture == Architecture.GPT2;
    Stream<String> embeddings =
        switch (architecture) {
          case GPT2 -> Stream.of("wte", "wpe");
          case GPT_NEOX -> Stream.of("embed_in");
          case LLAMA, QWEN2, QWEN3 -> Stream.of("embed_tokens");
        };
    return new FreezeConfig(
        Stream.concat(
                embeddings,
                IntStream.range(0, layers).mapToObj(i -> (isGpt2 ? "h." : "layers.") + i))
            .collect(ImmutableSet.toImmutableSet()));
  }

  /** Refuses names that no parameter has, and that leave none to train. */
  void check(Set<String> parameters) {
    for (String name : names) {
      checkArgument(
          parameters.stream().anyMatch(parameter -> isPart(name, parameter)),
          "names: expected parts of the names of parameters, such as %s, got %s",
          parameters.stream().filter(p -> !p.matches("(.*\\.)?(layers|h)\\.[1-9].*")).toList(),
          name);
    }
    checkArgument(
        !parameters.stream().allMatch(this::freezes),
        "names: expected some parameters left to train, got %s, which freeze all",
        names);
  }

  /** Whether a parameter of that name is frozen. */
  boolean freezes(String parameter) {
    return names.stream().anyMatch(name -> isPart(name, parameter));
  }

  private static boolean isPart(String name, String parameter) {
    return ("." + parameter + ".").contains("." + name + ".");
  }
}
