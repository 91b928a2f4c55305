package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.PolicyLoss;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Rewards;
import io.github.p3o.internal.PolicyLearner;
import io.github.p3o.internal.ResponseObjective;
import io.github.p3o.transformer.TransformerPolicy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;

/** One policy with float32 and with float64 parameters: the same losses and gradients. */
class FloatTypesTest {

  private static final int VOCABULARY = Cases.DECODER.vocabularySize();

  private static final int K = 3;
  private static final int GROUPS = 5;

  /** A float32 sum over some hundred products: a few hundred roundings of 6e-8. */
  private static final double TOLERANCE = 2e-5;

  @TempDir private static Path directory = Path.of("");

  private static TransformerPolicy float32 =
      TransformerPolicy.random(Cases.DECODER, DataType.FLOAT, 5);
  private static TransformerPolicy float64 = float32;

  @BeforeAll
  static void readsTheSameWeights() {
    float32.save(directory);
    float64 = TransformerPolicy.load(directory, DataType.DOUBLE);
  }

  @AfterAll
  static void closes() {
    float32.close();
    float64.close();
  }

  static List<PolicyLoss> losses() {
    return Stream.concat(
            Cases.losses().stream(),
            Stream.of(
                P3OLoss.v1().withKlShaping(KlShaping.current(0.25)),
                P3OLoss.v2().withClipRange(2).withWeightClip(1.5)))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("losses")
  void gradients_ofBothTypes_agreeToTheRoundingOfFloat32(PolicyLoss loss) {
    PairwiseBatch batch = batch();
    try (Gradients narrow = gradients(float32, loss, batch);
        Gradients wide = gradients(float64, loss, batch)) {
      double[] expected = wide.vector().toDoubleVector();
      double[] actual = narrow.vector().toDoubleVector();
      double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();

      assertThat(narrow.vector().dataType()).isEqualTo(DataType.FLOAT);
      assertThat(wide.vector().dataType()).isEqualTo(DataType.DOUBLE);
      assertThat(largest).isGreaterThan(1e-3);
      assertThat(narrow.loss())
          .isCloseTo(wide.loss(), within(TOLERANCE * Math.max(1, Math.abs(wide.loss()))));
      assertThat(actual).containsExactly(expected, within(TOLERANCE * largest));
    }
  }

  private static Gradients gradients(Policy policy, PolicyLoss loss, PairwiseBatch batch) {
    try (PolicyLearner learner =
        new PolicyLearner(policy, new ResponseObjective(policy, loss, K), K, 2)) {
      return learner.gradients(batch, 1);
    }
  }

  /** Random responses; the policies that sampled them and that they are held to are others. */
  private static PairwiseBatch batch() {
    Random random = new Random(11);
    ImmutableList<Prompt> prompts =
        IntStream.range(0, GROUPS)
            .mapToObj(g -> Prompt.of(random.ints(1 + g, 3, VOCABULARY).toArray()))
            .collect(ImmutableList.toImmutableList());
    ImmutableList<Response> responses =
        IntStream.range(0, K * GROUPS)
            .mapToObj(i -> Response.of(random.ints(1 + i % 7, 3, VOCABULARY).toArray()))
            .collect(ImmutableList.toImmutableList());
    ImmutableList<Prompt> promptOfEach =
        IntStream.range(0, K * GROUPS)
            .mapToObj(i -> prompts.get(i % GROUPS))
            .collect(ImmutableList.toImmutableList());
    try (PolicyScorer scorer = new PolicyScorer(float64, K * GROUPS)) {
      double[] now = scorer.logProbs(promptOfEach, responses);
      double[] old = Arrays.stream(now).map(s -> s + random.nextDouble(-0.5, 0.5)).toArray();
      double[] reference = Arrays.stream(now).map(s -> s + random.nextDouble(-1, 1)).toArray();
      return new PairwiseBatch(
          ImmutableLongArray.copyOf(IntStream.range(0, GROUPS).asLongStream()),
          prompts,
          responses,
          LogProbs.ofFlat(K, old),
          LogProbs.ofFlat(K, reference),
          Rewards.ofFlat(K, random.doubles(K * GROUPS, -2, 2).toArray()));
    }
  }
}
