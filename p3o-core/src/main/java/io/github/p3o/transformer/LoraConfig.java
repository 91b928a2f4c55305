package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableSet;

/**
 * Low-rank adaptation (LoRA, arXiv 2106.09685): each target matrix W becomes {@code W + α/r · B A},
 * and only A and B are trained.
 *
 * @param rank r, rows of A and columns of B, at least 1
 * @param alpha α, &gt; 0 and finite; often twice the rank
 * @param targetModules names of the products that are adapted, as PEFT takes them: a whole name, or
 *     its last parts, such as {@code q_proj} or {@code attn.c_proj}
 */
public record LoraConfig(int rank, double alpha, ImmutableSet<String> targetModules) {

  /** Checks each. */
  public LoraConfig {
    checkArgument(rank >= 1, "rank: expected at least 1, got %s", rank);
    checkArgument(
        alpha > 0 && alpha < Double.POSITIVE_INFINITY,
        "alpha: expected > 0 and finite, got %s",
        alpha);
    checkArgument(!targetModules.isEmpty(), "targetModules: expected at least one name, got none");
  }

  /**
   * Adapts what PEFT adapts by default: queries and values, or the one product that holds them.
   *
   * @param architecture of the model
   * @param rank r
   * @return with α = 2 r
   */
  public static LoraConfig of(Architecture architecture, int rank) {
    ImmutableSet<String> targets =
        switch (architecture) {
          case GPT2 -> ImmutableSet.of("c_attn");
          case GPT_NEOX -> ImmutableSet.of("query_key_value");
          case LLAMA, QWEN2, QWEN3 -> ImmutableSet.of("q_proj", "v_proj");
        };
    return new LoraConfig(rank, 2.0 * rank, targets);
  }

  /** Refuses a target that no product of the model has. */
  void checkTargets(DecoderTensors tensors) {
    for (String target : targetModules) {
      LoraConfig alone = new LoraConfig(rank, alpha, ImmutableSet.of(target));
      checkArgument(
          !Adapter.shapes(tensors, alone).isEmpty(),
          "targetModules: expected names among %s, got %s",
          tensors.layers().get(0).linears().stream().map(Linear::lastName).toList(),
          target);
    }
  }

  /** {@code α/r}. */
  double scale() {
    return alpha / rank;
  }

  /** Whether a product of that whole name is adapted. */
  boolean targets(String module) {
    return targetModules.stream()
        .anyMatch(target -> module.equals(target) || module.endsWith("." + target));
  }
}
