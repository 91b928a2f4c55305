package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Attention.Sizes;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Attention as one step in float32 gives what its ops give one by one in float64, and these what
 * plain loops give.
 */
class AttentionTest {

  private static final double HIDDEN = -1e9;
  private static final ImmutableList<String> INPUTS = ImmutableList.of("q", "k", "v");

  private static long[] ofQuery(Sizes sizes) {
    return new long[] {sizes.sequences(), sizes.tokens(), sizes.heads(), sizes.elements()};
  }

  private static long[] ofKey(Sizes sizes) {
    return new long[] {sizes.sequences(), sizes.tokens(), sizes.keyHeads(), sizes.elements()};
  }

  private static Map<String, INDArray> inputs(Sizes sizes, long seed, double scale) {
    int tokens = sizes.tokens();
    double[] mask = new double[tokens * tokens];
    Arrays.setAll(mask, i -> i % tokens > i / tokens ? HIDDEN : 0);
    Map<String, INDArray> inputs = new HashMap<>();
    inputs.put("q", OpCheck.random(seed, ofQuery(sizes)).mul(scale));
    inputs.put("k", OpCheck.random(seed + 1, ofKey(sizes)));
    inputs.put("v", OpCheck.random(seed + 2, ofKey(sizes)));
    inputs.put("w", OpCheck.random(seed + 3, ofQuery(sizes)));
    inputs.put("mask", Nd4j.createFromArray(mask));
    return inputs;
  }

  private static Program program(DataType type, Sizes sizes) {
    SameDiff graph = SameDiff.create();
    SDVariable query = graph.placeHolder("q", type, ofQuery(sizes));
    SDVariable key = graph.placeHolder("k", type, ofKey(sizes));
    SDVariable value = graph.placeHolder("v", type, ofKey(sizes));
    SDVariable weight = graph.placeHolder("w", type, ofQuery(sizes));
    SDVariable mask = graph.placeHolder("mask", type, (long) sizes.tokens() * sizes.tokens());
    // products, so that no gradient that reaches attention, or leaves it, is a constant
    SDVariable mixed =
        Attention.causal(
            Ops.multiply(query, query),
            Ops.multiply(key, 1.0),
            Ops.multiply(value, value),
            mask,
            sizes);
    graph.identity("mixed", mixed);
    Ops.sum(Ops.multiply(Ops.multiply(mixed, mixed), weight)).rename("loss");
    return Program.withGradient(graph, "loss", INPUTS, ImmutableList.of("mixed"));
  }

  private static Map<String, double[]> run(DataType type, Sizes sizes, Map<String, INDArray> at) {
    Map<String, INDArray> inputs = new HashMap<>();
    at.forEach((name, array) -> inputs.put(name, array.castTo(type)));
    try (Program program = program(type, sizes)) {
      program.run(inputs);
      Map<String, double[]> results = new HashMap<>();
      program
          .run(inputs)
          .forEach((name, array) -> results.put(name, array.dup('c').data().asDouble()));
      return results;
    }
  }

  private static void assertSame(
      Map<String, double[]> actual, Map<String, double[]> expected, double tolerance) {
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach(
        (name, values) -> {
          double size = Arrays.stream(values).map(Math::abs).max().orElseThrow();
          assertThat(actual.get(name))
              .as(name)
              .containsExactly(values, within(tolerance * Math.max(1, size)));
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1",
    "2, 2, 1, 1, 3",
    "1, 63, 2, 2, 4",
    "1, 64, 2, 1, 4",
    "3, 65, 4, 2, 5",
    "2, 128, 4, 4, 32",
    "1, 130, 6, 2, 64",
    "1, 200, 2, 1, 128"
  })
  void run_ofAttentionInFloat32_givesTheResultInFloat64(
      int sequences, int tokens, int heads, int keyHeads, int elements) {
    Sizes sizes = new Sizes(sequences, tokens, heads, keyHeads, elements);
    Map<String, INDArray> inputs = inputs(sizes, 1, 1);
    assertSame(run(DataType.FLOAT, sizes, inputs), run(DataType.DOUBLE, sizes, inputs), 1e-4);
  }

  @Test
  void run_ofScoresInTheThousands_staysFiniteAndRight() {
    Sizes sizes = new Sizes(1, 70, 2, 1, 8);
    Map<String, INDArray> inputs = inputs(sizes, 5, 30);
    Map<String, double[]> actual = run(DataType.FLOAT, sizes, inputs);
    actual.forEach(
        (name, values) ->
            assertThat(Arrays.stream(values).allMatch(Double::isFinite)).as(name).isTrue());
    double[] expected = run(DataType.DOUBLE, sizes, inputs).get("mixed");
    assertThat(actual.get("mixed")).containsExactly(expected, within(2e-3));
  }

  @Test
  void run_ofAttention_givesWhatPlainLoopsGive() {
    Sizes sizes = new Sizes(2, 5, 4, 2, 3);
    Map<String, INDArray> at = inputs(sizes, 9, 1);
    double[] expected = new double[2 * 5 * 4 * 3];
    for (int b = 0; b < 2; b++) {
      for (int h = 0; h < 4; h++) {
        for (int t = 0; t < 5; t++) {
          double[] mixed = plain(at, b, t, h, h / 2);
          System.arraycopy(mixed, 0, expected, ((b * 5 + t) * 4 + h) * 3, 3);
        }
      }
    }
    assertThat(run(DataType.FLOAT, sizes, at).get("mixed")).containsExactly(expected, within(1e-5));
    assertThat(run(DataType.DOUBLE, sizes, at).get("mixed"))
        .containsExactly(expected, within(1e-12));
  }

  /** Three elements for one query, of the squared queries and values that the program reads. */
  private static double[] plain(Map<String, INDArray> at, int b, int t, int h, int keyHead) {
    double[] mixed = new double[3];
    double sum = 0;
    for (int u = 0; u <= t; u++) {
      double score = 0;
      for (int e = 0; e < 3; e++) {
        double q = Result.array(at, "q").getDouble(b, t, h, e);
        score += q * q * Result.array(at, "k").getDouble(b, u, keyHead, e);
      }
      sum += Math.exp(score);
      for (int e = 0; e < 3; e++) {
        double v = Result.array(at, "v").getDouble(b, u, keyHead, e);
        mixed[e] += Math.exp(score) * v * v;
      }
    }
    double all = sum;
    return Arrays.stream(mixed).map(x -> x / all).toArray();
  }

  @Test
  void run_onAnyNumberOfThreads_givesTheSameBits() throws Exception {
    Sizes sizes = new Sizes(3, 100, 4, 2, 16);
    Map<String, INDArray> inputs = inputs(sizes, 11, 1);
    List<Map<String, double[]>> results = new ArrayList<>();
    for (int threads : new int[] {1, 2, 5}) {
      ForkJoinPool pool = new ForkJoinPool(threads);
      try {
        results.add(pool.submit(() -> run(DataType.FLOAT, sizes, inputs)).get());
      } finally {
        pool.shutdown();
      }
    }
    assertSame(results.get(1), results.get(0), 0);
    assertSame(results.get(2), results.get(0), 0);
  }

  /**
   * What a thread computes in outlives the scope in which it was first needed. On a device ND4J's
   * own memory of a thread does not.
   */
  @Test
  @Tag("cpu")
  void run_afterAScopeOfJavaCppHasClosed_givesTheSame() throws Exception {
    Sizes sizes = new Sizes(1, 70, 1, 1, 8);
    Map<String, INDArray> inputs = inputs(sizes, 13, 1);
    ForkJoinPool pool = new ForkJoinPool(1);
    try {
      pool.submit(
              () -> {
                Map<String, double[]> within;
                try (PointerScope scope = new PointerScope()) {
                  within = run(DataType.FLOAT, sizes, inputs);
                }
                assertSame(run(DataType.FLOAT, sizes, inputs), within, 0);
              })
          .get();
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void run_ofALossOfValuesAlone_leavesTheOtherGradientsOut() {
    SameDiff graph = SameDiff.create();
    SDVariable query = graph.placeHolder("q", DataType.FLOAT, 1, 4, 1, 2);
    SDVariable key = graph.placeHolder("k", DataType.FLOAT, 1, 4, 1, 2);
    SDVariable value = graph.placeHolder("v", DataType.FLOAT, 1, 4, 1, 2);
    SDVariable mask = graph.placeHolder("mask", DataType.FLOAT, 16);
    Sizes sizes = new Sizes(1, 4, 1, 1, 2);
    Ops.sum(Attention.causal(query, key, value, mask, sizes)).rename("loss");
    Map<String, INDArray> inputs = new HashMap<>();
    inputs(sizes, 2, 0).forEach((name, array) -> inputs.put(name, array.castTo(DataType.FLOAT)));
    try (Program program =
        Program.withGradient(graph, "loss", ImmutableList.of("v"), ImmutableList.of())) {
      program.run(inputs);
      INDArray gradient = Result.array(program.run(inputs), Program.gradientOf("v"));
      // Queries of 0 see all tokens so far alike: token u has 1/(t + 1) of each t from u on.
      double[] shares = {
        1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0, 1 / 2.0 + 1 / 3.0 + 1 / 4.0, 7 / 12.0, 1 / 4.0
      };
      for (int token = 0; token < 4; token++) {
        assertThat(gradient.getDouble(0, token, 0, 1)).isCloseTo(shares[token], within(1e-6));
      }
    }
  }

  @Test
  @Tag("cpu")
  void steps_ofAttentionInNameScopes_takeThePlaceOfEach() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("x", DataType.FLOAT, 1, 4, 1, 2);
    SDVariable mask = graph.placeHolder("mask", DataType.FLOAT, 16);
    Sizes sizes = new Sizes(1, 4, 1, 1, 2);
    SDVariable first = Attention.causal(x, x, x, mask, sizes);
    NameScope outer = graph.withNameScope("outer");
    NameScope inner = graph.withNameScope("inner");
    SDVariable second = Attention.causal(first, first, first, mask, sizes);
    SDVariable third = Attention.causal(second, second, second, mask, sizes);
    inner.close();
    outer.close();
    SDVariable fourth = Attention.causal(third, third, third, mask, sizes);
    assertThat(Attention.steps(graph, name -> null))
        .containsKeys(first.name(), second.name(), third.name(), fourth.name());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Tag("cpu")
  void run_ofADecoder_neverHoldsTheScoresOfAllTokens(boolean gradient) {
    int tokens = 512;
    int heads = 8;
    long scores = 4L * heads * tokens * tokens; // bytes, of one layer
    List<Prompt> prompts = List.of(new Prompt(ImmutableIntArray.of(1)));
    int[] ids = IntStream.range(0, tokens - 1).map(i -> i % 11).toArray();
    List<Response> responses = List.of(new Response(ImmutableIntArray.copyOf(ids), true));
    DecoderConfig config =
        DecoderConfig.llama(
            11, 16, 8, 2, heads, 4, tokens, 1e-5, 1e4, true, OptionalInt.of(1), OptionalInt.of(2));
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.FLOAT, 1);
        ModelRunner runner =
            new ModelRunner("test", policy, shape -> logProbs(policy, shape, gradient))) {
      runner.run(prompts, responses, Map.of());
      assertThat(runner.bytes()).isLessThan(scores);
    }
  }

  private static Program logProbs(TransformerPolicy policy, BatchShape shape, boolean gradient) {
    PolicyGraph built = policy.build(shape);
    String logProb = Ops.sum(built.logProbs()).name();
    Set<String> parameters = policy.parameters().asMap().keySet();
    return gradient
        ? Program.withGradient(built.graph(), logProb, parameters, List.of())
        : Program.forward(built.graph(), parameters, List.of(logProb));
  }

  /** A tile of queries reads only the keys and values that one of them sees. */
  @Test
  @Tag("cpu")
  void run_ofATokenThatIsNoNumber_isNotReadByTilesBeforeIt() {
    Sizes sizes = new Sizes(1, 2 * AttentionTile.ROWS + 2, 2, 1, 8);
    int seen = 2 * AttentionTile.ROWS * 2 * 8; // elements of all tiles but the last
    Map<String, INDArray> inputs = inputs(sizes, 17, 1);
    for (String name : List.of("k", "v")) {
      Result.array(inputs, name).putScalar(new long[] {0, sizes.tokens() - 1, 0, 0}, Double.NaN);
    }
    Map<String, double[]> results = run(DataType.FLOAT, sizes, inputs);
    for (String name : List.of("mixed", Program.gradientOf("q"))) {
      double[] values = results.getOrDefault(name, new double[0]);
      assertThat(Arrays.stream(values, 0, seen).allMatch(Double::isFinite)).as(name).isTrue();
      assertThat(values[values.length - 1]).as(name).isNaN();
    }
  }
}
