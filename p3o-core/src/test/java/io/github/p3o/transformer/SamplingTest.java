package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.internal.SharedData;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.text.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;

class SamplingTest {

  @TempDir Path directory;

  private static void assertBehaviourIsTheScore(
      TransformerPolicy policy, Samples samples, double tolerance) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 64)) {
      double[] scored = scorer.logProbs(samples.promptOfEach(), samples.responses());
      assertThat(samples.behaviour().values().toArray()).containsExactly(scored, within(tolerance));
    }
  }

  @Test
  void greedy_fromTheBeginToken_tellsTheKnownStory() {
    Path checkpoint = SharedData.require("stories260k");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint);
        Tokenizer tokenizer = Tokenizers.huggingFace(checkpoint)) {
      Response story = policy.greedy(List.of(Prompt.of(1)), 80).get(0);
      assertThat(tokenizer.decode(story.tokens().toArray()))
          .startsWith(
              "Once upon a time, there was a little girl named Lily. She loved to play outside in"
                  + " the park. One day, she saw a big, red ball. She wanted to play with it, but"
                  + " it was too high");
    }
  }

  @Test
  void sample_fromARealModel_recordsTheTrainingGraphsLogProbs() {
    Path checkpoint = SharedData.require("stories260k");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint)) {
      Samples samples =
          policy.sampler(48).sample(TinyModels.prompts(6, 20, 512), 4, new SplittableRandom(1));
      assertBehaviourIsTheScore(policy, samples, 1e-4);
    }
  }

  /** Heads that are multiplied together or alone, with and without groups. */
  @ParameterizedTest
  @CsvSource({
    "4, 4, 2, true, DOUBLE, 1e-10",
    "4, 4, 2, false, FLOAT, 1e-4",
    "4, 4, 4, false, DOUBLE, 1e-10",
    "4, 4, 1, false, DOUBLE, 1e-10",
    "2, 1, 1, false, DOUBLE, 1e-10",
    "20, 6, 6, false, DOUBLE, 1e-10",
    "64, 4, 2, true, DOUBLE, 1e-10"
  })
  void sample_fromAnyModel_recordsTheTrainingGraphsLogProbs(
      int size, int heads, int keyHeads, boolean tied, DataType type, double tolerance) {
    checkRecorded(TinyModels.config(size, heads, keyHeads, tied), type, tolerance);
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void sample_fromEveryArchitecture_recordsTheTrainingGraphsLogProbs(DecoderConfig config) {
    checkRecorded(config, DataType.DOUBLE, 1e-10);
    checkRecorded(config, DataType.FLOAT, 1e-4);
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void sample_withAnAdapter_recordsTheTrainingGraphsLogProbs(DecoderConfig config) {
    for (DataType type : List.of(DataType.DOUBLE, DataType.FLOAT)) {
      try (TransformerPolicy base = TinyModels.policy(config, type);
          TransformerPolicy policy = base.withAdapter(LoraTest.everywhere(config), 1)) {
        TinyModels.scatter(policy.parameters());
        Samples samples =
            policy
                .sampler(17)
                .sample(
                    TinyModels.prompts(7, 13, TinyModels.VOCABULARY), 2, new SplittableRandom(2));
        assertBehaviourIsTheScore(policy, samples, type == DataType.DOUBLE ? 1e-10 : 1e-4);
      }
    }
  }

  @Test
  void sample_withAStopRule_asksItInTheCallersThread() {
    Thread caller = Thread.currentThread();
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      StopRule rule =
          tokens -> {
            assertThat(Thread.currentThread()).isSameAs(caller);
            return tokens.length == 3;
          };
      Samples samples =
          policy
              .sampler(SamplingConfig.of(9).withStopRule(rule))
              .sample(TinyModels.prompts(30, 9, TinyModels.VOCABULARY), 2, new SplittableRandom(2));
      assertThat(samples.responses()).allMatch(Response::ended);
      assertThat(samples.responses()).extracting(Response::length).contains(3);
    }
  }

  private static void checkRecorded(DecoderConfig config, DataType type, double tolerance) {
    ImmutableList<Prompt> prompts = TinyModels.prompts(7, 13, TinyModels.VOCABULARY);
    try (TransformerPolicy policy = TinyModels.policy(config, type).withTemperature(1.7)) {
      Samples samples = policy.sampler(17).sample(prompts, 4, new SplittableRandom(2));

      assertThat(samples.prompts()).isEqualTo(prompts);
      // Some end early, so that rows leave the cache; some are cut.
      assertThat(samples.responses()).extracting(Response::ended).contains(true, false);
      assertBehaviourIsTheScore(policy, samples, tolerance);
    }
  }

  @Test
  void sample_ofManyTokens_endsAtTheEndTokenOrAtTheLimit() {
    try (TransformerPolicy policy =
        TinyModels.policy(TinyModels.config(), DataType.FLOAT).withTemperature(3)) {
      Samples samples =
          policy
              .sampler(12)
              .sample(TinyModels.prompts(20, 9, TinyModels.VOCABULARY), 2, new SplittableRandom(5));
      for (Response response : samples.responses()) {
        List<Integer> tokens = response.tokens().asList();
        assertThat(tokens.subList(0, tokens.size() - 1)).doesNotContain(TinyModels.END);
        assertThat(tokens.get(tokens.size() - 1) == TinyModels.END).isEqualTo(response.ended());
        assertThat(response.ended() || tokens.size() == 12).isTrue();
      }
    }
  }

  /** As LLaMA 3 and Qwen2.5 have them: any of several ends a response, and is scored in it. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void sample_withSeveralEndTokens_endsAtAnyOfThem(DecoderConfig config) throws IOException {
    ImmutableIntArray ends = ImmutableIntArray.of(7, TinyModels.END, 9);
    try (TransformerPolicy one = TinyModels.policy(config, DataType.DOUBLE)) {
      one.save(directory);
    }
    Files.writeString(directory.resolve(GenerationConfig.FILE), "{\"eos_token_id\": " + ends + "}");
    try (TransformerPolicy policy =
        TransformerPolicy.load(directory, DataType.DOUBLE).withTemperature(3)) {
      Samples samples =
          policy
              .sampler(12)
              .sample(TinyModels.prompts(20, 9, TinyModels.VOCABULARY), 2, new SplittableRandom(5));
      Set<Integer> last = new HashSet<>();
      for (Response response : samples.responses()) {
        List<Integer> tokens = response.tokens().asList();
        int end = tokens.get(tokens.size() - 1);
        assertThat(tokens.subList(0, tokens.size() - 1)).doesNotContainAnyElementsOf(ends.asList());
        assertThat(ends.contains(end)).isEqualTo(response.ended());
        assertThat(response.ended() || tokens.size() == 12).isTrue();
        last.add(end);
      }
      assertThat(last).containsAll(ends.asList());
      assertBehaviourIsTheScore(policy, samples, 1e-10);
      SamplingConfig longer = SamplingConfig.of(12).withMinNewTokens(4);
      assertThat(
              policy
                  .generate(
                      TinyModels.prompts(9, 9, TinyModels.VOCABULARY),
                      2,
                      longer,
                      new SplittableRandom(5))
                  .responses())
          .allMatch(response -> response.length() > 4);
    }
  }

  @Test
  void sample_withTheSameSeed_isTheSame() {
    ImmutableList<Prompt> prompts = TinyModels.prompts(5, 9, TinyModels.VOCABULARY);
    try (TransformerPolicy policy =
        TinyModels.policy(TinyModels.config(), DataType.FLOAT).withTemperature(2)) {
      Samples one = policy.sampler(9).sample(prompts, 3, new SplittableRandom(5));
      assertThat(policy.sampler(9).sample(prompts, 3, new SplittableRandom(5))).isEqualTo(one);
      assertThat(policy.sampler(9).sample(prompts, 3, new SplittableRandom(6))).isNotEqualTo(one);
    }
  }

  @Test
  void sample_fromSeedsOfThePrompts_drawsToEachWhatItDrawsAlone() {
    ImmutableList<Prompt> prompts = TinyModels.prompts(5, 9, TinyModels.VOCABULARY);
    ImmutableLongArray seeds = ImmutableLongArray.of(3, 1, 4, 1, 5);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      PairSampler sampler = policy.sampler(9);
      Samples together = sampler.sample(prompts, 3, seeds);
      for (int g = 0; g < 5; g++) {
        Samples alone =
            sampler.sample(ImmutableList.of(prompts.get(g)), 3, new SplittableRandom(seeds.get(g)));
        for (int i = 0; i < 3; i++) {
          assertThat(together.responses().get(i * 5 + g)).isEqualTo(alone.responses().get(i));
          assertThat(together.behaviour().get(i, g))
              .isCloseTo(alone.behaviour().get(i, 0), within(1e-12));
        }
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> sampler.sample(prompts, 3, ImmutableLongArray.of(1)))
          .withMessage("seeds: expected 5, one for each prompt, got 1");
    }
  }

  @Test
  void complete_inBatchesOfAnySize_drawsTheSame() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      DecoderModel model = policy.model();
      try (Prefill prefill = new Prefill(model)) {
        List<Response> together = draw(new Generator(model, prefill, 2, SamplingConfig.of(11), 64));
        assertThat(draw(new Generator(model, prefill, 2, SamplingConfig.of(11), 4)))
            .isEqualTo(together);
        assertThat(draw(new Generator(model, prefill, 2, SamplingConfig.of(11), 1)))
            .isEqualTo(together);
      }
    }
  }

  /** What is computed follows what is open, down to the last row. */
  @ParameterizedTest
  @CsvSource({"1, FLOAT", "7, FLOAT", "64, FLOAT", "256, FLOAT", "7, DOUBLE", "256, DOUBLE"})
  void complete_ofResponsesThatEndAtAnyTime_costsWhatTheOpenRowsNeed(int rows, DataType type) {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), type);
        Prefill prefill = new Prefill(policy.model())) {
      Generator generator = new Generator(policy.model(), prefill, 3, SamplingConfig.of(24), rows);
      SplittableRandom random = new SplittableRandom(rows);
      List<OpenResponse> open = new ArrayList<>();
      for (int i = 0; i < rows; i++) {
        open.add(new OpenResponse(Prompt.of(1, 3, 4), NextToken.drawnWith(random.split())));
      }
      generator.complete(open);
      // The first token comes from reading the prompt.
      long needed = open.stream().mapToLong(response -> response.close().length() - 1L).sum();
      boolean exactly = FloatMatrix.reaches(type); // elsewhere rows leave by eighths
      assertThat(generator.rowsDecoded())
          .isBetween(needed, exactly ? needed : (long) (1.15 * needed));
    }
  }

  private static List<Response> draw(Generator generator) {
    List<OpenResponse> open = new ArrayList<>();
    for (Prompt prompt : TinyModels.prompts(7, 10, TinyModels.VOCABULARY)) {
      for (int i = 0; i < 3; i++) {
        NextToken choice = NextToken.drawnWith(new SplittableRandom(open.size()));
        open.add(new OpenResponse(prompt, choice));
      }
    }
    generator.complete(open);
    return open.stream().map(OpenResponse::close).toList();
  }

  /** Chi-squared at the second token, which is drawn from the cache, given the first. */
  @Test
  void sample_ofManyResponses_hasTheScoredFrequencies() {
    int n = 20_000;
    Prompt prompt = Prompt.of(1, 7, 3);
    try (TransformerPolicy policy =
            TinyModels.policy(TinyModels.config(), DataType.FLOAT).withTemperature(1.5);
        PolicyScorer scorer = new PolicyScorer(policy, 128)) {
      Samples samples =
          policy.sampler(2).sample(ImmutableList.of(prompt), n, new SplittableRandom(11));
      List<Response> possible = new ArrayList<>(List.of(Response.of(TinyModels.END)));
      for (int i = 0; i < TinyModels.VOCABULARY * TinyModels.VOCABULARY; i++) {
        if (i / TinyModels.VOCABULARY != TinyModels.END) {
          possible.add(Response.of(i / TinyModels.VOCABULARY, i % TinyModels.VOCABULARY));
        }
      }
      double[] logProbs = scorer.logProbs(Collections.nCopies(possible.size(), prompt), possible);
      double statistic = 0;
      double rareExpected = 0;
      double rareSeen = 0;
      int cells = 0;
      for (int i = 0; i < logProbs.length; i++) {
        Response response = possible.get(i);
        double expected = n * Math.exp(logProbs[i]);
        long seen =
            samples.responses().stream().filter(r -> r.tokens().equals(response.tokens())).count();
        if (expected < 5) { // the usual rule: cells that are too rare are put together
          rareExpected += expected;
          rareSeen += seen;
        } else {
          statistic += (seen - expected) * (seen - expected) / expected;
          cells++;
        }
      }
      statistic += (rareSeen - rareExpected) * (rareSeen - rareExpected) / rareExpected;
      // Mean and deviation of χ² with as many degrees of freedom as cells; four deviations.
      assertThat(cells).isGreaterThan(20);
      assertThat(statistic).isBetween(0.3 * cells, cells + 4 * Math.sqrt(2.0 * cells));
    }
  }

  @Test
  void greedy_onATinyModel_isWhatTheGraphFindsMostProbable() {
    Prompt prompt = Prompt.of(1, 4, 6);
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        PolicyScorer scorer = new PolicyScorer(policy, 16)) {
      Response greedy = policy.greedy(List.of(prompt), 8).get(0);
      for (int length = 1; length <= greedy.length(); length++) {
        int[] tokens = greedy.tokens().subArray(0, length).toArray();
        List<Response> others =
            IntStream.range(0, TinyModels.VOCABULARY)
                .mapToObj(
                    id -> {
                      int[] other = tokens.clone();
                      other[other.length - 1] = id;
                      return Response.of(other);
                    })
                .toList();
        double[] scored = scorer.logProbs(Collections.nCopies(others.size(), prompt), others);
        assertThat(scored[tokens[length - 1]])
            .isEqualTo(
                IntStream.range(0, scored.length).mapToDouble(i -> scored[i]).max().orElse(0));
      }
    }
  }

  @Test
  void sampler_ofAPromptThatLeavesNoRoom_refusesItByName() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      ImmutableList<Prompt> prompts =
          ImmutableList.of(Prompt.of(1), Prompt.of(new int[20]), Prompt.of(new int[21]));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.greedy(prompts, 10))
          .withMessage(
              "prompts[2].tokens: expected at most 20 (30 positions, of them 10 for new tokens),"
                  + " got 21");
      assertThat(policy.greedy(prompts.subList(0, 2), 10)).hasSize(2);
    }
  }

  @Test
  void greedy_ofNoPrompts_isNone() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThat(policy.greedy(List.of(), 10)).isEmpty();
    }
  }

  /** The only token is certain, and drawn until the limit. */
  @Test
  void sample_ofAVocabularyOfOne_drawsIt() {
    DecoderConfig config =
        DecoderConfig.llama(
            1, 8, 8, 1, 2, 1, 20, 1e-5, 10_000, true, OptionalInt.empty(), OptionalInt.empty());
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.FLOAT, 1)) {
      Samples samples =
          policy.sampler(4).sample(ImmutableList.of(Prompt.of(0)), 3, new SplittableRandom(1));
      assertThat(samples.responses())
          .extracting(Response::tokens)
          .containsOnly(ImmutableIntArray.of(0, 0, 0, 0));
      assertThat(samples.behaviour().values().toArray()).containsOnly(0);
    }
  }

  @Test
  void sampler_ofAnUnknownId_refusesItByName() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.greedy(List.of(Prompt.of(1), Prompt.of(3, 12)), 10))
          .withMessage("prompts[1].tokens[1]: expected an id below 11, got 12");
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "30"})
  void sampler_ofALimitOutsideTheContext_isRefused(int maxNewTokens) {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> policy.sampler(maxNewTokens))
          .withMessage("maxNewTokens: expected 1 to 29, got " + maxNewTokens);
    }
  }

  @Test
  void sample_afterParametersDiverged_saysSo() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      policy.parameters().update(vector -> vector.putScalar(0, Double.NaN));
      assertThatIllegalStateException()
          .isThrownBy(() -> policy.greedy(List.of(Prompt.of(0)), 3))
          .withMessageContaining("logits: expected finite ones");
    }
  }

  /** With the parameters where they lie, and with the program of the call before. */
  @Test
  void generate_ofManyResponsesToAPrompt_readsItOnce() {
    DecoderConfig config =
        DecoderConfig.llama(
            999, 32, 48, 2, 4, 2, 30, 1e-5, 1e4, false, OptionalInt.empty(), OptionalInt.empty());
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT)) {
      ImmutableList<Prompt> prompt = ImmutableList.of(Prompt.of(1, 3, 4));
      SamplingConfig sampling = SamplingConfig.of(3);
      policy.generate(prompt, 1, sampling, new SplittableRandom(1));
      long ofOne = policy.prefill().bytes();
      policy.generate(prompt, 50, sampling, new SplittableRandom(1));
      assertThat(policy.prefill().bytes()).isEqualTo(ofOne).isBetween(1L, 999L * 32 * Float.BYTES);
    }
  }

  /** 512 MiB of keys and values, and 64 MiB of scores, in float32. */
  @Test
  void complete_ofManyOrLongSequences_takesSomeAtATime() {
    assertThat(Generator.rowsTogether(1 << 10, 100, 256)).isEqualTo(100);
    assertThat(Generator.rowsTogether(1 << 10, 300, 256)).isEqualTo(150); // and not 256 and 44
    assertThat(Generator.rowsTogether(1 << 20, 300, 256)).isEqualTo(100);
    assertThat(Generator.rowsTogether(1L << 40, 3, 256)).isEqualTo(1);
    assertThat(Generator.promptsTogether(2, 8, 300)).isEqualTo(300);
    assertThat(Generator.promptsTogether(16, 1024, 300)).isEqualTo(1);
    assertThat(Generator.promptsTogether(16, 256, 300)).isEqualTo(16);
  }
}
