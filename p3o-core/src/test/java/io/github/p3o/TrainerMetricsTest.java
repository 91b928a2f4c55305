package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.OptimizerConfig.Schedule;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import io.github.p3o.testing.KeptRollouts;
import io.github.p3o.testing.MetricsPage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;

/** Each metric of a step against its formula in docs/metrics.md, one number at a time. */
class TrainerMetricsTest {

  private static final int K = 3;
  private static final int GROUPS = 10;
  private static final int CHOICES = 4;
  private static final double RATE = 0.3;

  private static final TrainerConfig CONFIG =
      TrainerConfig.builder()
          .seed(11)
          .promptsPerStep(GROUPS)
          .responsesPerPrompt(K)
          .epochsPerStep(2)
          .promptsPerUpdate(6)
          .promptsPerMicroBatch(4)
          .optimizer(
              OptimizerConfig.adamW(RATE)
                  .withSchedule(8, Schedule.CONSTANT, 0)
                  .withMaxGradientNorm(0.01))
          .build();

  private final TabularPolicy policy =
      TabularPolicy.of(new double[][] {{0, 1, 0, 2}, {0, 0, 0, 0}, {-1, 1, 0, 0}});
  private final TabularPolicy reference = TabularPolicy.uniform(3, CHOICES);

  @AfterEach
  void close() {
    policy.close();
    reference.close();
  }

  /** Every third response is cut, and rewards repeat, so that there are ties. */
  private Samples sample(ImmutableList<Prompt> prompts, int k, RandomGenerator random) {
    Samples samples = policy.sample(prompts, k, random);
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    for (int i = 0; i < samples.responses().size(); i++) {
      ImmutableIntArray tokens = samples.responses().get(i).tokens();
      responses.add(new Response(tokens, i % 3 != 0));
    }
    return new Samples(prompts, responses.build(), samples.behaviour());
  }

  private P3OTrainer.Builder trainer() {
    return Bandit.trainer(policy)
        .sampler(this::sample)
        .reference(reference)
        .rewardModel(
            RewardModel.each(
                (prompt, response) -> 0.7 * Math.floorDiv(response.tokens().get(0), 2)))
        .config(CONFIG);
  }

  private static double meanOverResponses(ToDoubleFunction<int[]> of) {
    double sum = 0;
    for (int i = 0; i < K; i++) {
      for (int g = 0; g < GROUPS; g++) {
        sum += of.applyAsDouble(new int[] {i, g});
      }
    }
    return sum / (K * GROUPS);
  }

  @Test
  void step_ofTheRollout_measuresItsFormulas() {
    List<PairwiseBatch> rollouts = new ArrayList<>();
    try (P3OTrainer trainer = trainer().listener(new KeptRollouts(rollouts)).build()) {
      StepMetrics metrics = trainer.step();
      PairwiseBatch r = rollouts.get(0);
      LogProbs old = r.oldLogProbs();
      LogProbs ref = r.referenceLogProbs();
      double kl = meanOverResponses(at -> old.get(at[0], at[1]) - ref.get(at[0], at[1]));
      assertThat(metrics.get("objective/kl")).isCloseTo(kl, within(1e-14));
      assertThat(metrics.get("objective/kl_per_token")).isCloseTo(kl, within(1e-14)); // one token
      assertThat(metrics.get("objective/entropy"))
          .isCloseTo(meanOverResponses(at -> -old.get(at[0], at[1])), within(1e-14));
      assertThat(metrics.get("objective/scores"))
          .isCloseTo(meanOverResponses(at -> r.rewards().get(at[0], at[1])), within(1e-14));
      // an objective without a KL in the reward; those with one: KlControlTest
      assertThat(metrics.get("objective/rlhf_reward")).isEqualTo(metrics.get("objective/scores"));
      assertThat(metrics.get("objective/kl_coef")).isZero();
      assertThat(metrics.get("val/contain_eos_token")).isCloseTo(2 / 3.0, within(1e-14));
      assertMargins(metrics, r);
      assertThat(metrics.get("completions/clipped_ratio")).isCloseTo(1 / 3.0, within(1e-14));
      assertThat(metrics.get("completions/mean_length")).isEqualTo(1);
      assertThat(metrics.get("completions/min_length")).isEqualTo(1);
      assertThat(metrics.get("completions/max_length")).isEqualTo(1);
      for (String name : List.of("timing_s/sample", "timing_s/score", "timing_s/update")) {
        assertThat(metrics.get(name)).as(name).isBetween(0.0, 600.0);
      }
    }
  }

  private static void assertMargins(StepMetrics metrics, PairwiseBatch rollout) {
    double margins = 0;
    double zero = 0;
    for (int g = 0; g < GROUPS; g++) {
      Rewards rewards = rollout.rewards();
      double[] sorted = {rewards.get(0, g), rewards.get(1, g), rewards.get(2, g)};
      Arrays.sort(sorted);
      margins += sorted[2] - sorted[0];
      zero += sorted[2] == sorted[0] ? 1 : 0;
    }
    assertThat(metrics.get("objective/scores_margin")).isCloseTo(margins / 10, within(1e-14));
    assertThat(zero).isPositive();
    assertThat(metrics.get("frac_zero_signal")).isEqualTo(zero / 10);
  }

  /** What one update saw, from plain Java. */
  private static final class Update {
    private double loss;
    private double difference;
    private double squaredLogRatios;
    private double ratioSum;
    private double ratioSquares;
    private double ratioMin = Double.POSITIVE_INFINITY;
    private double ratioMax;
    private double norm;
    private double chosen;
    private double rejected;
    private int responses;

    private void addRatio(double logRatio) {
      double ratio = Math.exp(logRatio);
      responses++;
      squaredLogRatios += logRatio * logRatio;
      ratioSum += ratio;
      ratioSquares += ratio * ratio;
      ratioMin = Math.min(ratioMin, ratio);
      ratioMax = Math.max(ratioMax, ratio);
    }

    private double approximateKl() {
      return squaredLogRatios / responses / 2;
    }

    private double ratioMean() {
      return ratioSum / responses;
    }

    private double effectiveFraction() {
      return ratioSum * ratioSum / ratioSquares / responses;
    }
  }

  private double logProb(Prompt prompt, Response response) {
    return Math.log(policy.probabilities(prompt.tokens().get(0))[response.tokens().get(0)]);
  }

  private Update measure(PairwiseBatch batch) {
    Update update = new Update();
    int groups = batch.groups();
    double[][] s = new double[K][groups];
    for (int i = 0; i < K; i++) {
      for (int g = 0; g < groups; g++) {
        s[i][g] = logProb(batch.prompts().get(g), batch.responses().get(i * groups + g));
        update.addRatio(s[i][g] - batch.oldLogProbs().get(i, g));
      }
    }
    addLossAndNorm(update, batch, s);
    for (int g = 0; g < groups; g++) {
      int at = g;
      Comparator<Integer> byReward = Comparator.comparing(i -> batch.rewards().get(i, at));
      List<Integer> rows = List.of(0, 1, 2); // sorting is stable: ties go to the first
      update.chosen += s[rows.stream().sorted(byReward.reversed()).toList().get(0)][g] / groups;
      update.rejected += s[rows.stream().sorted(byReward).toList().get(0)][g] / groups;
    }
    return update;
  }

  private void addLossAndNorm(Update update, PairwiseBatch batch, double[][] s) {
    double[][] toLogits = new double[3][CHOICES];
    double pairs = batch.groups() * K * (K - 1) / 2.0;
    for (int g = 0; g < batch.groups(); g++) {
      for (int i = 0; i < K; i++) {
        for (int j = i + 1; j < K; j++) {
          double difference = batch.rewards().get(i, g) - batch.rewards().get(j, g);
          double oi = batch.oldLogProbs().get(i, g);
          double oj = batch.oldLogProbs().get(j, g);
          update.loss += ImportanceSampledLoss.of(s[i][g], s[j][g], oi, oj, difference) / pairs;
          update.difference += difference / pairs;
          double slope = -0.5 * difference * Math.exp(s[i][g] + s[j][g] - oi - oj) / pairs;
          addSlope(toLogits, batch, i, g, slope);
          addSlope(toLogits, batch, j, g, -slope);
        }
      }
    }
    update.norm =
        Math.sqrt(Arrays.stream(toLogits).flatMapToDouble(Arrays::stream).map(x -> x * x).sum());
  }

  /** ∂ log π(y|x) / ∂ logits[x] = onehot(y) − π(x). */
  private void addSlope(double[][] toLogits, PairwiseBatch batch, int i, int g, double slope) {
    int context = batch.prompts().get(g).tokens().get(0);
    int choice = batch.responses().get(i * batch.groups() + g).tokens().get(0);
    double[] probabilities = policy.probabilities(context);
    for (int c = 0; c < CHOICES; c++) {
      toLogits[context][c] += slope * ((c == choice ? 1 : 0) - probabilities[c]);
    }
  }

  @Test
  void step_ofTheUpdates_measuresItsFormulas() {
    double[] start = policy.parameters().vector().toDoubleVector();
    StepMetrics metrics;
    try (P3OTrainer trainer = trainer().build()) {
      metrics = trainer.step();
    }
    policy.parameters().update(vector -> vector.assign(Nd4j.createFromArray(start)));
    List<Update> updates = updatesByHand();
    assertMean(metrics, "loss/policy_avg", updates, u -> u.loss);
    assertMean(metrics, "test/difference", updates, u -> u.difference);
    assertMean(metrics, "policy/approxkl_avg", updates, Update::approximateKl);
    assertMean(metrics, "policy/ratio_mean", updates, Update::ratioMean);
    assertMean(metrics, "policy/effective_sample_fraction", updates, Update::effectiveFraction);
    assertMean(metrics, "logps/chosen", updates, u -> u.chosen);
    assertMean(metrics, "logps/rejected", updates, u -> u.rejected);
    assertMean(metrics, "grad_norm", updates, u -> u.norm);
    assertThat(metrics.get("policy/ratio_min"))
        .isCloseTo(
            updates.stream().mapToDouble(u -> u.ratioMin).min().orElseThrow(), within(1e-12));
    assertThat(metrics.get("policy/ratio_max"))
        .isCloseTo(
            updates.stream().mapToDouble(u -> u.ratioMax).max().orElseThrow(), within(1e-12));
    assertThat(metrics.get("policy/ratio_max")).isGreaterThan(1.1);
    assertThat(metrics.get("lr")).isCloseTo(RATE * (1 + 2 + 3 + 4) / 8 / 4, within(1e-15));
    assertThat(metrics.get("policy/clamped_log_ratios")).isZero();
    assertThat(metrics.get("policy/updates")).isEqualTo(4);
  }

  /** The updates of a step once more, measured on the way. */
  private List<Update> updatesByHand() {
    List<Update> updates = new ArrayList<>();
    try (P3OTrainer byHand = trainer().build()) {
      PairwiseBatch rollout = byHand.rollout(0);
      RandomGenerator random = RandomStreams.forStep(11, 0);
      sample(PromptSource.uniform(Bandit.CONTEXTS).next(GROUPS, random), K, random);
      for (int epoch = 0; epoch < 2; epoch++) {
        int[] order = RandomStreams.permutation(GROUPS, random);
        for (int[] range : new int[][] {{0, 6}, {6, 10}}) {
          int[] groups = IntStream.range(range[0], range[1]).map(i -> order[i]).toArray();
          updates.add(measure(rollout.select(groups)));
          byHand.apply(byHand.gradients(rollout.select(groups)));
        }
      }
    }
    return updates;
  }

  private static void assertMean(
      StepMetrics metrics, String name, List<Update> updates, ToDoubleFunction<Update> of) {
    double mean = updates.stream().mapToDouble(of).average().orElseThrow();
    assertThat(metrics.get(name)).as(name).isCloseTo(mean, within(1e-12));
    assertThat(Math.abs(mean)).as(name).isGreaterThan(1e-6); // there is something to compare
  }

  @Test
  void step_anyMetric_isDefinedInTheDocuments() throws Exception {
    try (P3OTrainer trainer = trainer().build()) {
      Set<String> names = new HashSet<>(trainer.step().values().keySet());
      assertThat(names.remove("test/difference")).isTrue();
      MetricsPage.assertDefines(names);
    }
  }

  @Test
  void step_logRatiosBeyondTheClamp_areCounted() {
    TrainerConfig off =
        TrainerConfig.builder()
            .promptsPerStep(4)
            .epochsPerStep(1)
            .ratioCheck(TrainerConfig.RatioCheck.OFF)
            .build();
    PairSampler far =
        (prompts, k, random) -> {
          Samples samples = policy.sample(prompts, k, random);
          double[] logProbs = samples.behaviour().values().toArray();
          logProbs[1] -= 25;
          logProbs[6] += 30;
          return new Samples(prompts, samples.responses(), LogProbs.ofFlat(k, logProbs));
        };
    try (P3OTrainer trainer = trainer().sampler(far).config(off).build()) {
      StepMetrics metrics = trainer.step();
      assertThat(metrics.get("policy/clamped_log_ratios")).isEqualTo(2);
      assertThat(metrics.get("policy/ratio_max")).isEqualTo(Math.exp(20));
    }
  }

  /** A sampler a little off, so that the first mini-batch is already too far. */
  @Test
  void step_withoutAnUpdate_leavesOutWhatWasNotMeasured() {
    TrainerConfig strict =
        TrainerConfig.builder()
            .promptsPerStep(4)
            .ratioCheck(TrainerConfig.RatioCheck.OFF)
            .maxApproximateKl(1e-9)
            .build();
    PairSampler off =
        (prompts, k, random) -> {
          Samples samples = policy.sample(prompts, k, random);
          double[] logProbs = samples.behaviour().values().toArray();
          logProbs[1] -= 0.1;
          return new Samples(prompts, samples.responses(), LogProbs.ofFlat(k, logProbs));
        };
    try (P3OTrainer trainer = trainer().sampler(off).config(strict).build()) {
      StepMetrics metrics = trainer.step();
      assertThat(metrics.get("policy/updates")).isZero();
      assertThat(metrics.get("policy/clamped_log_ratios")).isZero();
      assertThat(metrics.values())
          .doesNotContainKeys(
              "policy/ratio_min", "policy/ratio_max", "policy/ratio_mean", "grad_norm", "lr")
          .containsKeys("objective/kl", "completions/mean_length", "timing_s/update");
      assertThat(metrics.values().values()).allMatch(value -> Double.isFinite(value));
    }
  }
}
