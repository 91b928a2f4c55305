package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.Samples;
import io.github.p3o.StepMetrics;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.linalg.api.buffer.DataType;

/** Rollouts of a language model that are drawn beside its updates. */
@Timeout(300)
class RolloutsAheadTransformerTest {

  private static final int STEPS = 5;
  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1), Prompt.of(1, 3, 5), Prompt.of(1, 8));
  private static final RewardModel REWARD =
      RewardModel.each(
          (prompt, response) ->
              response.tokens().asList().stream().filter(token -> token == 4).count());

  private static P3OTrainer.Builder trainer(TransformerPolicy policy, int ahead) {
    return P3OTrainer.builder(policy, new ImportanceSampledLoss())
        .prompts(PromptSource.uniform(PROMPTS))
        .samplerOfCopy(copy -> ((TransformerPolicy) copy).sampler(6))
        .rewardModel(REWARD)
        .config(
            TrainerConfig.builder()
                .seed(3)
                .promptsPerStep(6)
                .promptsPerMicroBatch(4)
                .epochsPerStep(2)
                .rolloutsAhead(ahead)
                .optimizer(OptimizerConfig.adamW(0.01))
                .build());
  }

  private static double[] trained(int ahead) {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        P3OTrainer trainer = trainer(policy, ahead).build()) {
      for (int step = 0; step < STEPS; step++) {
        StepMetrics metrics = trainer.step();
        if (ahead > 0) {
          assertThat(metrics.get("policy/staleness")).isEqualTo(Math.min(step, ahead));
        }
      }
      return policy.parameters().vector().toDoubleVector();
    }
  }

  @Test
  void train_again_endsWithTheSameBits() {
    assertThat(trained(0)).containsExactly(trained(0));
  }

  /** Two threads that multiply matrices share BLAS's, and its sums are split as these are free. */
  @Test
  void train_aheadAgain_endsWithTheSameParametersUpToRounding() {
    assertThat(trained(2)).containsExactly(trained(2), within(1e-3));
  }

  /** The same run in one thread: a sampler that draws from copies that are kept by hand. */
  @Test
  void train_ahead_samplesFromThePolicyOfTwoStepsBefore() {
    int ahead = 2;
    List<Samples> drawn = Collections.synchronizedList(new ArrayList<>());
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        P3OTrainer trainer =
            trainer(policy, ahead)
                .samplerOfCopy(
                    copy ->
                        (prompts, k, random) -> {
                          Samples samples =
                              ((TransformerPolicy) copy).sampler(6).sample(prompts, k, random);
                          drawn.add(samples);
                          return samples;
                        })
                .build()) {
      Deque<TransformerPolicy> versions = new ArrayDeque<>();
      for (int step = 0; step < STEPS; step++) {
        versions.add(policy.frozenCopy());
        trainer.step();
        TransformerPolicy old = step < ahead ? versions.getFirst() : versions.removeFirst();
        Samples samples = drawn.get(step);
        try (PolicyScorer scorer = new PolicyScorer(old, 12)) {
          double[] logProbs = scorer.logProbs(samples.promptOfEach(), samples.responses());
          assertThat(samples.behaviour().values().toArray())
              .as("step %s", step)
              .containsExactly(logProbs, within(1e-9));
        }
        if (step >= ahead) {
          old.close();
        }
      }
      versions.forEach(TransformerPolicy::close);
    }
  }

  /** log π of every response of one token to a prompt. */
  private static double[] logProbs(TransformerPolicy policy, Prompt prompt) {
    int vocabulary = TinyModels.VOCABULARY;
    ImmutableList<Response> all =
        IntStream.range(0, vocabulary)
            .mapToObj(Response::of)
            .collect(ImmutableList.toImmutableList());
    try (PolicyScorer scorer = new PolicyScorer(policy, vocabulary)) {
      return scorer.logProbs(Collections.nCopies(vocabulary, prompt), all);
    }
  }

  private static double reward(int token) {
    return Math.sin(3 * token);
  }

  /** E_π r over all responses of one token: what the objective's gradient is of. */
  private static double expectedReward(TransformerPolicy policy, Prompt prompt) {
    double[] logProbs = logProbs(policy, prompt);
    return IntStream.range(0, logProbs.length)
        .mapToDouble(y -> Math.exp(logProbs[y]) * reward(y))
        .sum();
  }

  /**
   * Pairs of an older policy, which is uniform: each of them once. Their mean gradient by
   * importance sampling is that of −E_π r of the policy as it is now, here by finite differences.
   */
  @Test
  void gradients_ofPairsOfAnOlderPolicy_areInExpectationThoseOfTheCurrentPolicy() {
    int vocabulary = TinyModels.VOCABULARY;
    Prompt prompt = Prompt.of(1, 7);
    int pairs = vocabulary * vocabulary;
    ImmutableList<Response> responses =
        IntStream.range(0, 2 * pairs)
            .mapToObj(i -> Response.of(i < pairs ? i / vocabulary : i % vocabulary))
            .collect(ImmutableList.toImmutableList());
    double[] rewards =
        responses.stream().mapToDouble(response -> reward(response.tokens().get(0))).toArray();
    double[] old =
        Collections.nCopies(2 * pairs, -Math.log(vocabulary)).stream()
            .mapToDouble(x -> x)
            .toArray();
    PairwiseBatch batch =
        new PairwiseBatch(
            ImmutableLongArray.copyOf(IntStream.range(0, pairs).asLongStream()),
            ImmutableList.copyOf(Collections.nCopies(pairs, prompt)),
            responses,
            LogProbs.ofFlat(2, old),
            LogProbs.ofFlat(2, old),
            Rewards.ofFlat(2, rewards));
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, new ImportanceSampledLoss())
                .prompts(PromptSource.uniform(PROMPTS))
                .sampler(policy.sampler(1))
                .rewardModel(REWARD)
                .config(TrainerConfig.builder().ratioCheck(RatioCheck.OFF).build())
                .build();
        Gradients gradients = trainer.gradients(batch)) {
      double[] now = logProbs(policy, prompt);
      assertThat(Arrays.stream(now).max().orElseThrow()).isGreaterThan(0.5 - Math.log(vocabulary));
      SplittableRandom random = new SplittableRandom(1);
      int size = (int) gradients.vector().length();
      double step = 1e-5;
      for (int i = 0; i < 40; i++) {
        int at = random.nextInt(size);
        double here = policy.parameters().vector().getDouble(at);
        policy.parameters().update(vector -> vector.putScalar(at, here + step));
        double above = expectedReward(policy, prompt);
        policy.parameters().update(vector -> vector.putScalar(at, here - step));
        double below = expectedReward(policy, prompt);
        policy.parameters().update(vector -> vector.putScalar(at, here));
        assertThat(gradients.vector().getDouble(at))
            .as("parameter %s", at)
            .isCloseTo((below - above) / (2 * step), within(1e-8));
      }
      assertThat(gradients.vector().norm2Number().doubleValue()).isGreaterThan(1e-3);
    }
  }
}
