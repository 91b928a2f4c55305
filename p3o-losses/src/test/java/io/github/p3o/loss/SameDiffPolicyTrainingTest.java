package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.Samples;
import io.github.p3o.TrainerConfig;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A host's own graph as a policy. */
class SameDiffPolicyTrainingTest {

  private static final int CHOICES = 3;

  /** A linear policy on two features, as a host would write it. */
  private static SameDiff hostGraph() {
    SameDiff graph = SameDiff.create();
    SDVariable features = graph.placeHolder("features", DataType.FLOAT, -1, 2);
    SDVariable weights = graph.var("weights", Nd4j.zeros(DataType.FLOAT, 2, CHOICES));
    graph.mmul("logits", features, weights);
    return graph;
  }

  private static INDArray features(List<Prompt> prompts) {
    float[][] rows = new float[prompts.size()][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = prompts.get(i).tokens().get(0) == 0 ? new float[] {1, 0} : new float[] {0, 1};
    }
    return Nd4j.createFromArray(rows);
  }

  private static double[] probabilities(SameDiffPolicy policy, Prompt prompt) {
    INDArray logits = features(List.of(prompt)).mmul(policy.parameters().get("weights"));
    double[] values = logits.toDoubleVector();
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.exp(values[i]);
      sum += values[i];
    }
    for (int i = 0; i < values.length; i++) {
      values[i] /= sum;
    }
    return values;
  }

  private static PairSampler sampler(SameDiffPolicy policy) {
    return (prompts, k, random) -> {
      ImmutableList.Builder<Response> responses = ImmutableList.builder();
      double[][] logProbs = new double[k][prompts.size()];
      for (int i = 0; i < k; i++) {
        for (int g = 0; g < prompts.size(); g++) {
          double[] p = probabilities(policy, prompts.get(g));
          double u = random.nextDouble();
          int choice = u < p[0] ? 0 : u < p[0] + p[1] ? 1 : 2;
          responses.add(Response.of(choice));
          logProbs[i][g] = Math.log(p[choice]);
        }
      }
      return new Samples(prompts, responses.build(), LogProbs.of(logProbs));
    };
  }

  private static SameDiffPolicy policyOf(SameDiff graph) {
    return SameDiffPolicy.ofLogits(
        graph,
        "logits",
        CHOICES,
        (shape, prompts, responses) -> Map.of("features", features(prompts)));
  }

  @Test
  void train_hostGraph_learnsAndIsWrittenBack() {
    SameDiff graph = hostGraph();
    try (SameDiffPolicy policy = policyOf(graph);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, P3OLoss.v2())
                .prompts(PromptSource.uniform(List.of(Prompt.of(0), Prompt.of(1))))
                .sampler(sampler(policy))
                .rewardModel(
                    RewardModel.each(
                        (prompt, response) ->
                            response.tokens().get(0) == prompt.tokens().get(0) + 1 ? 1 : 0))
                .config(
                    TrainerConfig.builder()
                        .promptsPerStep(32)
                        .optimizer(OptimizerConfig.adamW(0.1))
                        .build())
                .build()) {
      trainer.train(25);
      assertTrue(probabilities(policy, Prompt.of(0))[1] > 0.8);
      assertTrue(probabilities(policy, Prompt.of(1))[2] > 0.8);
      assertEquals(0, graph.getVariable("weights").getArr().norm2Number().doubleValue());
      policy.exportTo(graph);
      assertEquals(policy.parameters().get("weights"), graph.getVariable("weights").getArr());
    }
  }

  /** The same network with a value head on the same features. */
  private static SameDiff withHead() {
    SameDiff graph = hostGraph();
    SDVariable head = graph.var("head", Nd4j.ones(DataType.FLOAT, 2, 1));
    graph.mmul("value", graph.getVariable("features"), head);
    return graph;
  }

  private static P3OTrainer.Builder with(SameDiffPolicy policy, P3OTrainer.Builder builder) {
    return builder
        .prompts(PromptSource.uniform(List.of(Prompt.of(0), Prompt.of(1))))
        .sampler(sampler(policy))
        .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0)))
        .config(
            TrainerConfig.builder()
                .promptsPerStep(8)
                .optimizer(OptimizerConfig.adamW(0.1).withWeightDecay(0.1))
                .build());
  }

  @Test
  void train_networkWithAValueHead_underPpoTrainsAllOfIt() {
    try (SameDiffPolicy policy = policyOf(withHead());
        P3OTrainer trainer =
            with(policy, P3OTrainer.builder(policy.withValues("value"), new TokenPpoLoss()))
                .build()) {
      trainer.train(3);
      assertThat(policy.parameters().get("head")).isNotEqualTo(Nd4j.ones(DataType.FLOAT, 2, 1));
      assertThat(policy.parameters().get("weights").norm2Number().doubleValue()).isPositive();
    }
  }

  /** Weight decay alone would move the head. */
  @Test
  void train_networkWithAValueHead_underP3oIsRefusedUntilTheHeadIsAConstant() {
    SameDiff graph = withHead();
    try (SameDiffPolicy policy = policyOf(graph);
        P3OTrainer trainer = with(policy, P3OTrainer.builder(policy, P3OLoss.v2())).build();
        P3OTrainer ofView =
            with(policy, P3OTrainer.builder(policy.withValues("value"), P3OLoss.v2())).build()) {
      INDArray before = policy.parameters().vector().dup();
      for (P3OTrainer each : List.of(trainer, ofView)) {
        assertThatThrownBy(each::step)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage(
                "parameters: expected what p3o/loss reads, got [head], which it does not depend"
                    + " on; leave out what is not to be trained, by convertToConstant() on the"
                    + " variable of a host's graph");
      }
      assertThat(policy.parameters().vector()).isEqualTo(before);
    }
    SameDiff ofP3o = graph.dup();
    ofP3o.getVariable("head").convertToConstant();
    try (SameDiffPolicy policy = policyOf(ofP3o);
        P3OTrainer trainer = with(policy, P3OTrainer.builder(policy, P3OLoss.v2())).build()) {
      trainer.train(3);
      assertThat(policy.parameters().names()).containsExactly("weights");
      policy.exportTo(graph);
      assertThat(graph.getVariable("weights").getArr())
          .isEqualTo(policy.parameters().get("weights"));
      assertThat(graph.getVariable("head").getArr()).isEqualTo(Nd4j.ones(DataType.FLOAT, 2, 1));
    }
  }

  @Test
  void ofLogits_unknownVariable_isRefusedByName() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> SameDiffPolicy.ofLogits(hostGraph(), "logit", CHOICES, (s, p, r) -> Map.of()));
    assertThat(e).hasMessageContaining("logits: expected a variable of the graph");
  }
}
