package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.transformer.Decoding.Logits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Decoding in float32 by {@link HostDecoding} gives what the ops of {@link PlannedDecoding} give in
 * float64, one of which {@link SamplingTest} compares with the training graph.
 */
@Tag("cpu")
class HostDecodingTest {

  private static final int NEW_TOKENS = 12;

  /** Wide enough that products are divided, and tasks among threads. */
  private static final DecoderConfig WIDE =
      DecoderConfig.llama(
          300, 96, 250, 2, 6, 3, 60, 1e-5, 10_000, false, OptionalInt.empty(), OptionalInt.empty());

  static Stream<DecoderConfig> models() {
    return Stream.concat(TinyModels.architectures().stream(), Stream.of(WIDE));
  }

  /** What is decoded: rows that end one after another, the last one alone at the end. */
  private record Course(List<Prompt> prompts, List<int[]> rows, List<int[]> ids) {

    static Course of(DecoderConfig config, int rows) {
      SplittableRandom random = new SplittableRandom(rows);
      List<Prompt> prompts = TinyModels.prompts(rows, 9, config.vocabularySize());
      List<int[]> open = new ArrayList<>();
      List<int[]> ids = new ArrayList<>();
      int[] going = IntStream.range(0, rows).toArray();
      for (int i = 0; i < NEW_TOKENS; i++) {
        open.add(going);
        ids.add(random.ints(going.length, 0, config.vocabularySize()).toArray());
        int[] before = going;
        boolean last = i == NEW_TOKENS - 2;
        going =
            IntStream.range(0, before.length)
                .filter(row -> last ? row == before.length - 1 : random.nextInt(4) > 0)
                .map(row -> before[row])
                .toArray();
        going = going.length == 0 ? new int[] {before[0]} : going;
      }
      return new Course(prompts, open, ids);
    }

    int[] lengths() {
      return prompts.stream().mapToInt(prompt -> prompt.tokens().length()).toArray();
    }

    /** All logits, step by step. */
    List<double[]> run(DecoderModel model, KeyValueCache cache, Decoding decoding) {
      int[] lengths = lengths();
      try (Prefill prefill = new Prefill(model)) {
        prefill.run(prompts, 16, cache, 0, IntStream.range(0, lengths.length).toArray());
      }
      decoding.begin(lengths, 16);
      List<double[]> all = new ArrayList<>();
      for (int i = 0; i < rows.size(); i++) {
        int drawn = i;
        int[] positions = IntStream.of(rows.get(i)).map(row -> lengths[row] + drawn).toArray();
        Logits logits = decoding.next(rows.get(i), ids.get(i), positions);
        for (int j = 0; j < positions.length; j++) {
          double[] ofRow = new double[model.config().vocabularySize()];
          logits.copy(j, ofRow);
          all.add(ofRow);
        }
      }
      return all;
    }
  }

  private static KeyValueCache cache(DecoderModel model, int rows) {
    return new KeyValueCache(model.config(), model.type(), rows, 64);
  }

  private static List<double[]> planned(TransformerPolicy policy, Course course) {
    DecoderModel model = policy.model();
    try (KeyValueCache cache = cache(model, course.prompts().size());
        PlannedDecoding decoding = new PlannedDecoding(model, cache, 40)) {
      return course.run(model, cache, decoding);
    }
  }

  private static List<double[]> host(TransformerPolicy policy, Course course, int threads) {
    DecoderModel model = policy.model();
    try (KeyValueCache cache = cache(model, course.prompts().size());
        HostDecoding decoding = new HostDecoding(model, cache, 40, threads)) {
      List<double[]> all = course.run(model, cache, decoding);
      assertThat(decoding.rowsComputed()).isEqualTo(all.size());
      return all;
    }
  }

  private static void assertClose(List<double[]> actual, List<double[]> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i)).containsExactly(expected.get(i), within(1e-4));
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void next_ofRowsThatEndAtAnyTime_givesWhatOpsGiveInFloat64(DecoderConfig config) {
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy exact = TinyModels.policy(config, DataType.DOUBLE)) {
      for (int rows : new int[] {1, 2, 5, 70}) {
        Course course = Course.of(config, rows);
        assertClose(host(policy, course, 2), planned(exact, course));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void next_withAnAdapter_givesWhatOpsGiveInFloat64(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withAdapter(LoraTest.everywhere(config), 1);
        TransformerPolicy exactBase = TinyModels.policy(config, DataType.DOUBLE);
        TransformerPolicy exact = exactBase.withAdapter(LoraTest.everywhere(config), 1)) {
      TinyModels.scatter(policy.parameters());
      TinyModels.scatter(exact.parameters());
      Course course = Course.of(config, 5);
      List<double[]> actual = host(policy, course, 2);
      assertClose(actual, planned(exact, course));
      assertThat(actual.get(0)).isNotEqualTo(host(base, course, 2).get(0));
    }
  }

  @Test
  void next_withAnyNumberOfThreads_givesTheSameBits() {
    try (TransformerPolicy policy = TinyModels.policy(WIDE, DataType.FLOAT)) {
      Course course = Course.of(WIDE, 33);
      List<double[]> alone = host(policy, course, 1);
      for (int threads : new int[] {2, 7}) {
        List<double[]> shared = host(policy, course, threads);
        for (int i = 0; i < alone.size(); i++) {
          assertThat(shared.get(i)).containsExactly(alone.get(i));
        }
      }
    }
  }

  @Test
  void next_ofParametersThatDiverged_givesNoNumbers() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      policy.parameters().update(vector -> vector.putScalar(0, Double.NaN));
      Course course =
          new Course(
              List.of(Prompt.of(3)),
              ImmutableList.of(new int[] {0}),
              ImmutableList.of(new int[] {0})); // the token whose embedding is no number
      assertThat(host(policy, course, 2).get(0)).containsOnly(Double.NaN);
    }
  }

  /** Rows leave a plan by eighths: 8/7 of what is open is computed, and plans are few. */
  @Test
  void rowsComputed_ofAPlan_areLittleMoreThanTheOpenOnes() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        KeyValueCache cache = cache(policy.model(), 256);
        PlannedDecoding decoding = new PlannedDecoding(policy.model(), cache, 40)) {
      Course course = Course.of(TinyModels.config(), 256);
      int open = course.run(policy.model(), cache, decoding).size();
      assertThat(decoding.rowsComputed()).isBetween((long) open, (long) (1.15 * open));
      assertThat(decoding.plans()).isLessThanOrEqualTo(NEW_TOKENS);
    }
  }

  @Test
  void close_afterUse_freesAllThatWasTaken() {
    try (TransformerPolicy policy = TinyModels.policy(WIDE, DataType.FLOAT);
        KeyValueCache cache = cache(policy.model(), 3)) {
      HostDecoding decoding = new HostDecoding(policy.model(), cache, 40, 2);
      assertThat(decoding.next(new int[] {0, 2}, new int[2], new int[2])).isNotNull();
      assertThat(decoding.owned()).hasSize(8).noneMatch(INDArray::wasClosed);
      decoding.close();
      assertThat(decoding.owned()).allMatch(INDArray::wasClosed);
    }
  }

  /** A row reads the columns that it has, whatever stands in the others. */
  @Test
  void next_besideColumnsThatAreNoNumbers_givesTheSame() {
    try (TransformerPolicy policy = TinyModels.policy(WIDE, DataType.FLOAT)) {
      DecoderModel model = policy.model();
      Course course = Course.of(WIDE, 5);
      try (KeyValueCache cache = cache(model, 5);
          HostDecoding decoding = new HostDecoding(model, cache, 40, 2)) {
        for (int layer = 0; layer < WIDE.layers(); layer++) {
          cache.keys(layer).assign(Double.NaN);
          cache.values(layer).assign(Double.NaN);
        }
        assertClose(course.run(model, cache, decoding), host(policy, course, 2));
      }
    }
  }

  @Test
  void next_afterAMatrixHasChanged_readsItWhereItLies() {
    try (TransformerPolicy policy = TinyModels.policy(WIDE, DataType.FLOAT);
        KeyValueCache cache = cache(policy.model(), 1);
        HostDecoding decoding = new HostDecoding(policy.model(), cache, 40, 2)) {
      double[] before = new double[WIDE.vocabularySize()];
      double[] after = new double[WIDE.vocabularySize()];
      decoding.next(new int[1], new int[1], new int[1]).copy(0, before);
      policy.parameters().get(policy.model().tensors().output()).muli(2);
      decoding.next(new int[1], new int[1], new int[1]).copy(0, after);
      assertThat(after).containsExactly(Arrays.stream(before).map(x -> 2 * x).toArray());
    }
  }

  @Test
  void plans_whileNoRowEnds_areOneForEachBlockOfColumns() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        KeyValueCache cache = cache(policy.model(), 2);
        PlannedDecoding decoding = new PlannedDecoding(policy.model(), cache, 40)) {
      List<int[]> both = Collections.nCopies(NEW_TOKENS, new int[] {0, 1});
      List<int[]> ids = Collections.nCopies(NEW_TOKENS, new int[2]);
      new Course(TinyModels.prompts(2, 9, TinyModels.VOCABULARY), both, ids)
          .run(policy.model(), cache, decoding);
      assertThat(decoding.plans()).isEqualTo(1);
    }
  }
}
