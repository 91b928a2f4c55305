package io.github.p3o.loss;

import static io.github.p3o.testing.FiniteDifferences.assertClose;
import static io.github.p3o.testing.FiniteDifferences.assertGradient;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Rewards;
import io.github.p3o.TabularPolicy;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.loss.Cases.Case;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Identities 4 and 1 on a tabular softmax policy, where every pair can be enumerated: the expected
 * gradient is that of the KL-regularised reward, and a shift of the rewards by prompt leaves the
 * parameters after many updates as they are.
 */
class TabularIdentitiesTest {

  private static final int CONTEXTS = 3;
  private static final int CHOICES = 4;
  private static final double BETA = 0.3;

  private static final double[] LOGITS = random(1, 1.5);
  private static final double[] REFERENCE = random(2, 1.5);
  private static final double[] REWARD = random(3, 2);

  private static double[] random(long seed, double bound) {
    return new Random(seed).doubles((long) CONTEXTS * CHOICES, -bound, bound).toArray();
  }

  private static double logProb(double[] logits, int context, int choice) {
    double[] row = Arrays.copyOfRange(logits, context * CHOICES, (context + 1) * CHOICES);
    return row[choice] - Math.log(Arrays.stream(row).map(Math::exp).sum());
  }

  /** E[r] − β KL(π‖π_ref) over all contexts, each as likely, and all choices. */
  private static double objective(double[] logits, double beta) {
    double sum = 0;
    for (int x = 0; x < CONTEXTS; x++) {
      for (int y = 0; y < CHOICES; y++) {
        double logProb = logProb(logits, x, y);
        double kl = logProb - logProb(REFERENCE, x, y);
        sum += Math.exp(logProb) * (REWARD[x * CHOICES + y] - beta * kl);
      }
    }
    return sum / CONTEXTS;
  }

  // Every context with every ordered pair of choices.
  private static final int PAIRS = CONTEXTS * CHOICES * CHOICES;

  private static int context(int pair) {
    return pair / (CHOICES * CHOICES);
  }

  private static int choice(int response, int pair) {
    return response == 0 ? pair / CHOICES % CHOICES : pair % CHOICES;
  }

  /** A value of both responses of each pair, row-major {@code [2, pairs]}. */
  private static double[] ofEach(OfResponse value) {
    return IntStream.range(0, 2 * PAIRS)
        .mapToDouble(i -> value.of(context(i % PAIRS), choice(i / PAIRS, i % PAIRS)))
        .toArray();
  }

  @FunctionalInterface
  private interface OfResponse {
    double of(int context, int choice);
  }

  /** Pairs of the policy itself. */
  private static Case onPolicy() {
    double[] logProbs = ofEach((x, y) -> logProb(LOGITS, x, y));
    return Cases.of(
        2,
        logProbs,
        logProbs,
        ofEach((x, y) -> logProb(REFERENCE, x, y)),
        ofEach((x, y) -> REWARD[x * CHOICES + y]));
  }

  @TestFactory
  Stream<DynamicTest> expectedGradient_overAllPairs_isThatOfTheRegularisedReward() {
    return Stream.of(0.0, BETA)
        .flatMap(
            beta ->
                DynamicTest.stream(
                    Stream.of(
                        PairwisePolicyGradientLoss.onPolicy()
                            .withKlShaping(KlShaping.current(beta)),
                        PairwisePolicyGradientLoss.importanceSampled()
                            .withKlShaping(KlShaping.current(beta)),
                        P3OLoss.v1().withKlShaping(KlShaping.current(beta)),
                        P3OLoss.v2().withKlShaping(KlShaping.current(beta))),
                    loss -> loss.name() + " β " + beta,
                    loss ->
                        assertGradient(
                            "logits",
                            logits -> -objective(logits, beta),
                            LOGITS,
                            expectedGradient(loss),
                            1e-9)));
  }

  @Test
  void expectedGradient_withRolloutKl_onPolicyIsTheSame() {
    PolicyLoss current =
        PairwisePolicyGradientLoss.onPolicy().withKlShaping(KlShaping.current(BETA));
    PolicyLoss rollout =
        PairwisePolicyGradientLoss.onPolicy().withKlShaping(KlShaping.rollout(BETA));

    assertClose("logits", expectedGradient(current), expectedGradient(rollout), 1e-15);
  }

  /** ∂E[loss]/∂logits: each pair's gradient times its probability, through the policy's graph. */
  private static double[] expectedGradient(PolicyLoss loss) {
    Case c = onPolicy();
    double[][] ofMean = c.evaluate(loss).gradient();
    double[] weights = new double[2 * PAIRS];
    for (int pair = 0; pair < PAIRS; pair++) {
      double probability = Math.exp(c.now().get(0, pair) + c.now().get(1, pair)) / CONTEXTS;
      weights[pair] = probability * PAIRS * ofMean[0][pair];
      weights[PAIRS + pair] = probability * PAIRS * ofMean[1][pair];
    }
    return gradientOfWeightedLogProbs(weights);
  }

  private static double[] gradientOfWeightedLogProbs(double[] weights) {
    List<Prompt> prompts = new ArrayList<>();
    List<Response> responses = new ArrayList<>();
    for (int i = 0; i < 2 * PAIRS; i++) {
      prompts.add(Prompt.of(context(i % PAIRS)));
      responses.add(Response.of(choice(i / PAIRS, i % PAIRS)));
    }
    try (TabularPolicy policy = TabularPolicy.of(rows(LOGITS))) {
      BatchShape shape = policy.shape(prompts, responses);
      PolicyGraph policyGraph = policy.build(shape);
      SDVariable weight =
          policyGraph.graph().placeHolder("weight", DataType.DOUBLE, weights.length);
      Ops.sum(Ops.multiply(policyGraph.logProbs(), weight)).rename("loss");
      try (Program program =
          Program.withGradient(
              policyGraph.graph(), "loss", ImmutableList.of("logits"), ImmutableList.of())) {
        return gradient(
            program.run(
                ImmutableMap.<String, INDArray>builder()
                    .putAll(policy.feed(shape, prompts, responses))
                    .putAll(policy.parameters().asMap())
                    .put("weight", Nd4j.createFromArray(weights))
                    .buildOrThrow()));
      }
    }
  }

  private static double[] gradient(Map<String, INDArray> results) {
    return Result.array(results, Program.gradientOf("logits")).dup().data().asDouble();
  }

  private static double[][] rows(double[] logits) {
    return IntStream.range(0, CONTEXTS)
        .mapToObj(x -> Arrays.copyOfRange(logits, x * CHOICES, (x + 1) * CHOICES))
        .toArray(double[][]::new);
  }

  @TestFactory
  Stream<DynamicTest> parametersAfterManyUpdates_ofShiftedRewards_areTheSameToTheBit() {
    return DynamicTest.stream(
        Cases.objectives(KlShaping.rollout(0.05)).stream(),
        o -> o.loss().name(),
        o ->
            assertThat(trained(o.loss(), new double[] {1000, -7.5, 0.25}))
                .containsExactly(trained(o.loss(), new double[CONTEXTS]))
                .isNotEqualTo(LOGITS));
  }

  @Test
  void parametersAfterManyUpdates_ofObjectivesThatSeeRewards_areChangedByAShift() {
    for (PolicyLoss loss : List.of(new PolicyGradientLoss(), new PpoLoss())) {
      double[] shifted = trained(loss, new double[] {4, -7.5, 0.25});

      assertThat(shifted[0]).isNotCloseTo(trained(loss, new double[CONTEXTS])[0], within(0.05));
    }
  }

  /** The logits after 20 steps on all pairs, recorded once; rewards are multiples of 1/64. */
  private static double[] trained(PolicyLoss loss, double[] shift) {
    Case c = onPolicy();
    double[] rewards = ofEach((x, y) -> Math.rint(64 * REWARD[x * CHOICES + y]) / 64 + shift[x]);
    PairwiseBatch batch = c.withRewards(Rewards.ofFlat(2, rewards)).batch();
    double[] logits = LOGITS.clone();
    for (int step = 0; step < 20; step++) {
      double[] at = logits.clone();
      LogProbs now = LogProbs.ofFlat(2, ofEach((x, y) -> logProb(at, x, y)));
      double[][] byLogProb = new Case(batch, now).evaluate(loss).gradient();
      for (int i = 0; i < 2 * PAIRS; i++) {
        addLogSoftmaxGradient(logits, at, i, -0.5 * byLogProb[i / PAIRS][i % PAIRS]);
      }
    }
    return logits;
  }

  /** {@code logits += factor · ∂log π(y|x)/∂logits} for sequence i. */
  private static void addLogSoftmaxGradient(double[] logits, double[] at, int i, double factor) {
    int x = context(i % PAIRS);
    for (int y = 0; y < CHOICES; y++) {
      double chosen = y == choice(i / PAIRS, i % PAIRS) ? 1 : 0;
      logits[x * CHOICES + y] += factor * (chosen - Math.exp(logProb(at, x, y)));
    }
  }
}
