package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.text.Tokenizers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;

class TruncatedSamplingTest {

  private static final int V = TinyModels.VOCABULARY;
  private static final Prompt PROMPT = Prompt.of(1, 7, 3, 7);
  private static final Prompt PROMPT_OF_FOUR = Prompt.of(0);

  private static SamplingConfig config(
      int min, int max, int topK, double topP, double minP, double penalty) {
    return SamplingConfig.of(max)
        .withMinNewTokens(min)
        .withTopK(topK)
        .withTopP(topP)
        .withMinP(minP)
        .withRepetitionPenalty(penalty);
  }

  /** Probabilities of the next token after this response, by the class under test. */
  private static double[] probabilities(
      double[] logits, SamplingConfig config, double temperature, Prompt prompt, int... response) {
    TokenDistribution distribution =
        new TokenDistribution(config, temperature, ImmutableIntArray.of(2), logits.length);
    double sum =
        distribution.set(
            (i, into) -> System.arraycopy(logits, 0, into, 0, into.length),
            0,
            prompt.tokens(),
            response);
    return Arrays.stream(distribution.weights()).map(weight -> weight / sum).toArray();
  }

  /** Probabilities written from the definitions, with sets and sorted indices. */
  private static double[] byDefinition(
      double[] logits, SamplingConfig config, double temperature, Prompt prompt, int... response) {
    double[] x = logits.clone();
    Set<Integer> seen = new HashSet<>(prompt.tokens().asList());
    Arrays.stream(response).forEach(seen::add);
    for (int token : seen) {
      x[token] =
          x[token] > 0
              ? x[token] / config.repetitionPenalty()
              : x[token] * config.repetitionPenalty();
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, x.length).boxed().toList());
    if (response.length < config.minNewTokens()) {
      order.remove(Integer.valueOf(2));
    }
    order.sort(Comparator.comparingDouble(i -> -x[i]));
    if (config.topK() > 0) {
      order = order.subList(0, Math.min(config.topK(), order.size()));
    }
    double[] p = softmax(x, temperature, order);
    List<Integer> nucleus = new ArrayList<>();
    double reached = 0;
    for (int token : order) {
      if (reached < config.topP()) {
        nucleus.add(token);
      }
      reached += p[token];
    }
    double greatest = p[order.get(0)];
    nucleus.removeIf(token -> p[token] < config.minP() * greatest);
    return softmax(x, temperature, nucleus);
  }

  private static double[] softmax(double[] x, double temperature, List<Integer> of) {
    double[] p = new double[x.length];
    double max = of.stream().mapToDouble(i -> x[i]).max().orElse(0);
    of.forEach(i -> p[i] = Math.exp((x[i] - max) / temperature));
    double sum = DoubleStream.of(p).sum();
    return DoubleStream.of(p).map(v -> v / sum).toArray();
  }

  @Property(tries = 500)
  void set_withAnyTruncation_agreesWithTheDefinitions(
      @ForAll @Size(7) List<@DoubleRange(min = -4, max = 4) Double> logits,
      @ForAll @IntRange(max = 7) int topK,
      @ForAll @DoubleRange(min = 0.05, max = 1) double topP,
      @ForAll @DoubleRange(max = 1) double minP,
      @ForAll @DoubleRange(min = 0.5, max = 2) double penalty,
      @ForAll @DoubleRange(min = 0.3, max = 3) double temperature,
      @ForAll @IntRange(max = 3) int min) {
    // No ties, of which any may be kept: numbers are rational, and roots of primes are independent.
    int[] primes = {2, 3, 5, 7, 11, 13, 17};
    double[] x = new double[7];
    for (int i = 0; i < 7; i++) {
      x[i] = logits.get(i) + 1e-3 * Math.sqrt(primes[i]);
    }
    SamplingConfig config = config(min, 5, topK, topP, minP, penalty);
    Prompt prompt = Prompt.of(0, 3, 3);

    double[] expected = byDefinition(x, config, temperature, prompt, 5, 0);
    double[] actual = probabilities(x, config, temperature, prompt, 5, 0);
    assertThat(actual).containsExactly(expected, within(1e-9));
  }

  @Test
  void set_withTopP_keepsTheTokenThatReachesIt() {
    double[] logits = {Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)};

    assertThat(probabilities(logits, SamplingConfig.of(9).withTopP(0.6), 1, PROMPT_OF_FOUR))
        .containsExactly(new double[] {0.625, 0.375, 0, 0}, within(1e-12));
    assertThat(probabilities(logits, SamplingConfig.of(9).withTopK(3), 1, PROMPT_OF_FOUR))
        .containsExactly(new double[] {50 / 95.0, 30 / 95.0, 15 / 95.0, 0}, within(1e-12));
    assertThat(probabilities(logits, SamplingConfig.of(9).withMinP(0.25), 1, PROMPT_OF_FOUR))
        .containsExactly(new double[] {50 / 95.0, 30 / 95.0, 15 / 95.0, 0}, within(1e-12));
  }

  @Test
  void set_withAPenalty_countsATokenOnce() {
    double[] logits = {2, -2, 0.5, 1};

    double[] p =
        probabilities(
            logits, SamplingConfig.of(9).withRepetitionPenalty(2), 1, Prompt.of(0, 0, 1, 0), 0, 1);
    double[] penalised = {1, -4, 0.5, 1};
    assertThat(p).containsExactly(softmax(penalised, 1, List.of(0, 1, 2, 3)), within(1e-12));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 3, 1, 0, 1",
    "0, 0, 0.7, 0, 1",
    "0, 0, 1, 0.2, 1",
    "0, 0, 1, 0, 1.4",
    "2, 0, 1, 0, 1",
    "1, 6, 0.9, 0.05, 1.2"
  })
  void generate_withTruncation_recordsTheTruncatedLogProbs(
      int min, int topK, double topP, double minP, double penalty) {
    SamplingConfig sampling = config(min, 6, topK, topP, minP, penalty);
    double temperature = 1.3;
    for (DecoderConfig decoder : TinyModels.architectures()) {
      try (TransformerPolicy policy = TinyModels.policy(decoder, DataType.DOUBLE);
          PolicyScorer scorer = new PolicyScorer(policy, 64)) {
        Samples samples =
            policy
                .withTemperature(temperature)
                .generate(ImmutableList.of(PROMPT), 5, sampling, new SplittableRandom(4));
        for (int i = 0; i < 5; i++) {
          int[] tokens = samples.responses().get(i).tokens().toArray();
          double expected = 0;
          for (int t = 0; t < tokens.length; t++) {
            // No cache: every next token scored by the training graph.
            double[] logits = logProbsOfNext(scorer, Arrays.copyOf(tokens, t));
            expected +=
                Math.log(
                    byDefinitionOfLogProbs(
                        logits, sampling, temperature, policy, Arrays.copyOf(tokens, t))[
                        tokens[t]]);
          }
          assertThat(samples.behaviour().get(i, 0)).isCloseTo(expected, within(1e-8));
        }
      }
    }
  }

  private static double[] logProbsOfNext(PolicyScorer scorer, int[] before) {
    List<Response> all = new ArrayList<>();
    for (int id = 0; id < V; id++) {
      int[] tokens = Arrays.copyOf(before, before.length + 1);
      tokens[before.length] = id;
      all.add(Response.of(tokens));
    }
    double[] sums = scorer.logProbs(Collections.nCopies(V, PROMPT), all);
    double whole =
        before.length == 0 ? 0 : scorer.logProbs(List.of(PROMPT), List.of(Response.of(before)))[0];
    return DoubleStream.of(sums).map(sum -> sum - whole).toArray();
  }

  /** A penalty reads the sign of logits, which log-probabilities have lost: read them anew. */
  private static double[] byDefinitionOfLogProbs(
      double[] logProbs,
      SamplingConfig sampling,
      double temperature,
      TransformerPolicy policy,
      int[] before) {
    double[] logits = logProbs;
    if (sampling.repetitionPenalty() != 1) {
      logits = logits(policy, before);
    }
    return byDefinition(logits, sampling, temperature, PROMPT, before);
  }

  private static double[] logits(TransformerPolicy policy, int[] before) {
    int[] tokens =
        Arrays.copyOf(PROMPT.tokens().toArray(), PROMPT.tokens().length() + before.length);
    System.arraycopy(before, 0, tokens, PROMPT.tokens().length(), before.length);
    DecoderModel model = policy.model();
    try (Prefill prefill = new Prefill(model);
        KeyValueCache cache = new KeyValueCache(model.config(), model.type(), 1, 32)) {
      Prompt whole = new Prompt(ImmutableIntArray.copyOf(tokens));
      return prefill.run(List.of(whole), tokens.length, cache, 0, new int[] {0});
    }
  }

  /** Chi-squared at 1 % over the second token, which is drawn from the cache. */
  @Test
  void generate_manyTimes_hasTheTruncatedFrequencies() {
    int n = 5000;
    SamplingConfig sampling = SamplingConfig.of(2).withMinNewTokens(2).withTopK(5).withTopP(0.95);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        PolicyScorer scorer = new PolicyScorer(policy, 64)) {
      Samples samples =
          policy
              .withTemperature(1.5)
              .generate(ImmutableList.of(PROMPT), n, sampling, new SplittableRandom(11));
      double[] first = byDefinition(logProbsOfNext(scorer, new int[0]), sampling, 1.5, PROMPT);
      double statistic = 0;
      int cells = 0;
      for (int a = 0; a < V; a++) {
        double[] second =
            first[a] == 0
                ? new double[V]
                : byDefinition(logProbsOfNext(scorer, new int[] {a}), sampling, 1.5, PROMPT, a);
        for (int b = 0; b < V; b++) {
          ImmutableIntArray pair = ImmutableIntArray.of(a, b);
          long seen = samples.responses().stream().filter(r -> r.tokens().equals(pair)).count();
          double expected = n * first[a] * second[b];
          if (expected == 0) {
            assertThat(seen).isZero();
          } else if (expected >= 5) {
            statistic += (seen - expected) * (seen - expected) / expected;
            cells++;
          }
        }
      }
      assertThat(cells).isBetween(10, 26);
      // The 99th percentile by Wilson and Hilferty.
      double nu = cells;
      double root = 1 - 2 / (9 * nu) + 2.326 * Math.sqrt(2 / (9 * nu));
      assertThat(statistic).isLessThan(nu * root * root * root);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 1, 0, 1, 'minNewTokens: expected 0'",
    "0, 5, 1, 0, 1, 'topK: expected 0'",
    "0, 0, 0.9, 0, 1, 'topP: expected 1'",
    "0, 0, 1, 0.1, 1, 'minP: expected 0'",
    "0, 0, 1, 0, 1.1, 'repetitionPenalty: expected 1'"
  })
  void sampler_withTruncation_isRefusedByName(
      int min, int topK, double topP, double minP, double penalty, String message) {
    SamplingConfig sampling = config(min, 6, topK, topP, minP, penalty);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.sampler(sampling))
          .withMessageStartingWith(message)
          .withMessageContaining("drawn from the distribution that is scored, got ");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 0, 1, 0, 1, 'maxNewTokens: expected at least 1, got 0'",
    "7, 6, 0, 1, 0, 1, 'minNewTokens: expected 0 to maxNewTokens = 6, got 7'",
    "0, 6, -1, 1, 0, 1, 'topK: expected at least 0, got -1'",
    "0, 6, 0, 0, 0, 1, 'topP: expected a value in (0, 1], got 0.0'",
    "0, 6, 0, 1, 1.5, 1, 'minP: expected a value in [0, 1], got 1.5'",
    "0, 6, 0, 1, 0, 0, 'repetitionPenalty: expected > 0 and finite, got 0.0'"
  })
  void new_withAnImpossibleValue_isRefusedByName(
      int min, int max, int topK, double topP, double minP, double penalty, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config(min, max, topK, topP, minP, penalty))
        .withMessage(message);
  }

  @Test
  void generate_withALeastLength_drawsNoEndTokenBefore() {
    ImmutableList<Prompt> prompts = TinyModels.prompts(9, 5, V);
    try (TransformerPolicy policy =
        TinyModels.policy(TinyModels.config(), DataType.FLOAT).withTemperature(3)) {
      Samples samples =
          policy.generate(
              prompts, 4, SamplingConfig.of(12).withMinNewTokens(5), new SplittableRandom(3));
      assertThat(samples.responses()).allMatch(r -> r.length() >= 6 || !r.ended());
      assertThat(samples.responses()).anyMatch(r -> r.ended() && r.length() == 6);
      assertThat(policy.greedy(prompts, SamplingConfig.of(12).withMinNewTokens(5)))
          .allMatch(r -> !r.tokens().subArray(0, 5).asList().contains(TinyModels.END));
    }
  }

  @Test
  void sampler_withAStopRule_endsThereAndScoresTheSame() {
    StopRule twoAlike = t -> t.length >= 2 && t[t.length - 1] == t[t.length - 2];
    try (TransformerPolicy policy =
            TinyModels.policy(TinyModels.config(), DataType.DOUBLE).withTemperature(2);
        PolicyScorer scorer = new PolicyScorer(policy, 64)) {
      Samples samples =
          policy
              .sampler(SamplingConfig.of(14).withStopRule(twoAlike))
              .sample(TinyModels.prompts(8, 5, V), 3, new SplittableRandom(3));
      int stopped = 0;
      for (Response response : samples.responses()) {
        int[] tokens = response.tokens().toArray();
        for (int i = 2; i < tokens.length; i++) {
          assertThat(twoAlike.stops(Arrays.copyOf(tokens, i))).isFalse();
        }
        boolean stops = twoAlike.stops(tokens);
        stopped += stops ? 1 : 0;
        assertThat(response.ended())
            .isEqualTo(stops || tokens[tokens.length - 1] == TinyModels.END);
      }
      assertThat(stopped).isPositive();
      assertThat(samples.behaviour().values().toArray())
          .containsExactly(
              scorer.logProbs(samples.promptOfEach(), samples.responses()), within(1e-10));
    }
  }

  @Test
  void atText_ofAStringAcrossTokens_stopsWhenItIsComplete() {
    StopRule rule = StopRule.atText(Tokenizers.bytes(), List.of("\n\n", "END"));

    assertThat(rule.stops(Tokenizers.bytes().encode("the EN"))).isFalse();
    assertThat(rule.stops(Tokenizers.bytes().encode("the END"))).isTrue();
    assertThat(rule.stops(Tokenizers.bytes().encode("a\nb\n\n"))).isTrue();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> StopRule.atText(Tokenizers.bytes(), List.of("")))
        .withMessage("strings: expected no empty one, got one");
  }

  @Test
  void complete_whenMostResponsesHaveEnded_decodesTheOpenOnesAlone() {
    int rows = 64;
    SamplingConfig sampling = SamplingConfig.of(20);
    try (TransformerPolicy policy =
            TinyModels.policy(TinyModels.config(), DataType.FLOAT).withTemperature(5);
        Prefill prefill = new Prefill(policy.model())) {
      Generator generator = new Generator(policy.model(), prefill, 5, sampling);
      List<OpenResponse> open = new ArrayList<>();
      for (int i = 0; i < rows; i++) {
        open.add(new OpenResponse(PROMPT, NextToken.drawnWith(new SplittableRandom(i))));
      }
      generator.complete(open);
      int[] lengths = open.stream().mapToInt(response -> response.close().length()).toArray();
      // The first token comes from reading the prompt.
      int tokens = Arrays.stream(lengths).map(length -> length - 1).sum();
      assertThat(tokens).isLessThan(rows * 19 / 2); // else there was nothing to save
      assertThat(generator.rowsDecoded()).isBetween((long) tokens, (long) (1.15 * tokens));
    }
  }
}
