package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.transformer.Architecture;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.DecoderConfig.Activation;
import io.github.p3o.transformer.DecoderConfig.Bias;
import io.github.p3o.transformer.DecoderConfig.Residual;
import io.github.p3o.transformer.DecoderConfig.Rotary;
import io.github.p3o.transformer.FreezeConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * What a decoder's programs consist of in float32 on the CPU. An op that is no longer recognised
 * changes no result: it shows here, as steps of another kind, or more of them, or as memory.
 */
@Tag("cpu")
class DecoderPlanTest {

  private static final int TOKENS = 64;
  private static final int HIDDEN = 32;
  private static final int INNER = 48;
  private static final int VOCABULARY = 1000;

  private static final Prompt PROMPT = Prompt.of(1);
  private static final Response RESPONSE = new Response(ids(TOKENS - 1), false);

  private static ImmutableIntArray ids(int count) {
    return ImmutableIntArray.copyOf(IntStream.range(1, count + 1).toArray());
  }

  private static DecoderConfig config(Architecture architecture, int layers) {
    boolean gated = architecture == Architecture.LLAMA;
    return new DecoderConfig(
        architecture,
        VOCABULARY,
        HIDDEN,
        INNER,
        layers,
        4,
        gated ? 2 : 4,
        HIDDEN / 4,
        TOKENS,
        1e-5,
        architecture == Architecture.GPT2 ? Optional.empty() : Optional.of(new Rotary(8, 10_000)),
        gated ? Activation.SILU : Activation.GELU_TANH,
        architecture == Architecture.GPT_NEOX ? Residual.PARALLEL : Residual.SEQUENTIAL,
        gated ? ImmutableSet.of() : ImmutableSet.copyOf(Bias.values()),
        false,
        OptionalInt.empty(),
        ImmutableIntArray.of(0));
  }

  /**
   * A program that has run.
   *
   * @param steps how many of each kind
   * @param bytes of native memory
   */
  private record Ran(Map<String, Integer> steps, long bytes) {

    /** Log-probabilities of responses to each token, or the gradient of their sum. */
    static Ran of(Policy policy, boolean gradient) {
      return of(policy, gradient, PROMPT, RESPONSE);
    }

    static Ran of(Policy policy, boolean gradient, Prompt prompt, Response response) {
      Program[] made = new Program[1];
      try (ModelRunner runner =
          new ModelRunner("test", policy, shape -> made[0] = program(policy, shape, gradient))) {
        runner.run(List.of(prompt), List.of(response), ImmutableMap.of());
        return new Ran(PlanSteps.counts(made[0]), runner.bytes());
      }
    }

    private static Program program(Policy policy, BatchShape shape, boolean gradient) {
      SDVariable sum = Ops.sum(policy.build(shape).logProbs());
      ImmutableList<String> trained = policy.parameters().names().asList();
      return gradient
          ? Program.withGradient(sum.getSameDiff(), sum.name(), trained, List.of())
          : Program.forward(sum.getSameDiff(), trained, List.of(sum.name()));
    }

    /** With one more layer, less what it is without. */
    static Ran ofALayer(
        Architecture architecture,
        boolean gradient,
        BiFunction<TransformerPolicy, Integer, TransformerPolicy> trained) {
      Ran[] ran = new Ran[2];
      for (int more = 0; more < 2; more++) {
        int layers = 2 + more;
        try (TransformerPolicy whole =
                TransformerPolicy.random(config(architecture, layers), DataType.FLOAT, 1);
            TransformerPolicy policy = trained.apply(whole, layers)) {
          ran[more] = of(policy, gradient);
        }
      }
      return new Ran(PlanSteps.difference(ran[1].steps, ran[0].steps), ran[1].bytes - ran[0].bytes);
    }
  }

  private static ImmutableMap<String, Integer> forwardOf(Architecture architecture) {
    return architecture == Architecture.LLAMA
        ? ImmutableMap.of("AttentionStep", 1, "RowStep", 5, "matmul", 7)
        : ImmutableMap.of(
            "AttentionStep", 1, "RowStep", 5, "matmul", 4, "permute", 1, "unstack", 1);
  }

  /** Its memory is that of the layer before. */
  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "GPT2", "GPT_NEOX"})
  void aLayer_isProductsAttentionAndRowsInBetween(Architecture architecture) {
    Ran ran = Ran.ofALayer(architecture, false, (whole, layers) -> whole);
    assertThat(ran.steps()).isEqualTo(forwardOf(architecture));
    assertThat(ran.bytes()).isZero();
  }

  @ParameterizedTest
  @CsvSource({"LLAMA, 11, 185000", "GPT2, 10, 200000", "GPT_NEOX, 10, 250000"})
  void theGradientOfALayer_isTwoProductsForEachAndOneStepOfAttention(
      Architecture architecture, int rowSteps, long atMost) {
    Ran ran = Ran.ofALayer(architecture, true, (whole, layers) -> whole);
    int products = architecture == Architecture.LLAMA ? 7 : 4;
    Map<String, Integer> expected = new TreeMap<>(forwardOf(architecture));
    expected.put("AttentionGradientStep", 1);
    expected.put("RowStep", rowSteps);
    expected.put("matmul", 3 * products);
    if (architecture != Architecture.LLAMA) { // queries, keys and values of one product
      expected.put("permute", 2);
      expected.put("stack", 1);
    }
    assertThat(ran.steps()).isEqualTo(expected);
    assertThat(ran.bytes()).isLessThan(atMost);
  }

  /** A gradient ends at the first layer that is trained. */
  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "GPT2", "GPT_NEOX"})
  void aFrozenLayerBelowATrainedOne_isRunForwardAlone(Architecture architecture) {
    Ran ran =
        Ran.ofALayer(
            architecture,
            true,
            (whole, layers) ->
                whole.withFrozen(FreezeConfig.firstLayers(architecture, layers - 1)));
    assertThat(ran.steps()).isEqualTo(forwardOf(architecture));
    assertThat(ran.bytes()).isZero();
  }

  /** The weights under an adapter have no gradient and no copy. */
  @ParameterizedTest
  @CsvSource({"LLAMA, 14, 26, 190000", "GPT2, 11, 14, 185000", "GPT_NEOX, 11, 14, 250000"})
  void aLayerUnderAnAdapter_hasGradientsOfTheAdapterAlone(
      Architecture architecture, int rowSteps, int products, long atMost) {
    Ran ran =
        Ran.ofALayer(
            architecture,
            true,
            (whole, layers) -> whole.withAdapter(LoraConfig.of(architecture, 2), 1));
    assertThat(ran.steps())
        .containsEntry("RowStep", rowSteps)
        .containsEntry("matmul", products)
        .doesNotContainKey("ScatterStep");
    assertThat(ran.bytes()).isLessThan(atMost);
  }

  /** Before the first layer and behind the last, down to a sum in float64. */
  @ParameterizedTest
  @CsvSource({"LLAMA, 3, 8", "GPT2, 4, 9", "GPT_NEOX, 3, 9"})
  void theEnds_areRowsOfTablesAndOneProduct(Architecture architecture, int tables, int rowSteps) {
    assertThat(ends(architecture, false))
        .containsOnlyKeys(
            "GatherStep", "RowStep", "cast", "matmul", "multiply", "reduce_sum", "reshape")
        .containsEntry("GatherStep", tables)
        .containsEntry("RowStep", 4)
        .containsEntry("matmul", 1);
    assertThat(ends(architecture, true))
        .containsOnlyKeys(
            "GatherStep",
            "RowStep",
            "ScatterStep",
            "cast",
            "matmul",
            "multiply",
            "reduce_sum",
            "reduce_sum_bp",
            "reshape")
        .containsEntry("ScatterStep", tables)
        .containsEntry("RowStep", rowSteps)
        .containsEntry("matmul", 3)
        .containsEntry("reduce_sum_bp", 2);
  }

  private static Map<String, Integer> ends(Architecture architecture, boolean gradient) {
    try (TransformerPolicy policy =
        TransformerPolicy.random(config(architecture, 1), DataType.FLOAT, 1)) {
      return PlanSteps.difference(
          Ran.of(policy, gradient).steps(),
          Ran.ofALayer(architecture, gradient, (whole, layers) -> whole).steps());
    }
  }

  /** Neither the embedding nor what else is only read is part of a program's memory. */
  @Test
  void parameters_areReadWhereTheyLie() {
    try (TransformerPolicy policy =
            TransformerPolicy.random(config(Architecture.LLAMA, 1), DataType.FLOAT, 1);
        TransformerPolicy adapted = policy.withAdapter(LoraConfig.of(Architecture.LLAMA, 2), 1)) {
      long logits = 4L * TOKENS * VOCABULARY;
      long tables = 2 * 4L * VOCABULARY * HIDDEN;
      assertThat(Ran.of(policy, false).bytes()).isLessThan(logits + tables);
      assertThat(Ran.of(adapted, false).bytes()).isLessThan(logits + tables);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void logits_areOfTheTokensOfResponsesAlone(boolean gradient) {
    try (TransformerPolicy policy =
        TransformerPolicy.random(config(Architecture.LLAMA, 1), DataType.FLOAT, 1)) {
      Response last = new Response(ids(8), false);
      long ofPrompt = Ran.of(policy, gradient, new Prompt(ids(TOKENS - 8)), last).bytes();
      long ofResponse = Ran.of(policy, gradient).bytes();
      long logits = 4L * (TOKENS - 8) * VOCABULARY;
      assertThat(ofPrompt).isLessThan(ofResponse - logits * 9 / 10);
    }
  }
}
