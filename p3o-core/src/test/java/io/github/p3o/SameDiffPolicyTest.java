package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.Unmarked;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A host's own graph as a policy; what it trips over is named. */
class SameDiffPolicyTest {

  private static final double[][] WEIGHTS = {{1, 2, 0}, {0, -1, 1}};
  private static final List<Prompt> PROMPTS = List.of(Prompt.of(0), Prompt.of(1), Prompt.of(1, 1));
  private static final List<Response> RESPONSES =
      List.of(Response.of(1), Response.of(2), Response.of(0));

  /** {@code logits = features · weights + bias}. */
  private static SameDiff linear() {
    SameDiff graph = SameDiff.create();
    SDVariable features = graph.placeHolder("features", DataType.DOUBLE, -1, 2);
    SDVariable weights = graph.var("weights", Nd4j.createFromArray(WEIGHTS));
    SDVariable bias = graph.var("bias", Nd4j.createFromArray(0.5, 0, 0));
    graph.mmul(features, weights).add("logits", bias);
    return graph;
  }

  private static INDArray features(List<Prompt> prompts) {
    double[][] rows = new double[prompts.size()][2];
    for (int i = 0; i < rows.length; i++) {
      rows[i][prompts.get(i).tokens().get(0)] = 1;
    }
    return Nd4j.createFromArray(rows);
  }

  private static SameDiffPolicy linearPolicy(SameDiff graph) {
    return SameDiffPolicy.ofLogits(
        graph, "logits", 3, (shape, prompts, responses) -> Map.of("features", features(prompts)));
  }

  private static SameDiffPolicy fed(SameDiffPolicy.Feed feed) {
    return SameDiffPolicy.ofLogits(linear(), "logits", 3, feed);
  }

  private static double[] logProbs(Policy policy) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      return scorer.logProbs(PROMPTS, RESPONSES);
    }
  }

  private static double logSoftmax(int choice, double... logits) {
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit);
    }
    return logits[choice] - Math.log(sum);
  }

  @Test
  void ofLogits_anyPrompts_givesTheLogSoftmaxOfTheChoices() {
    try (SameDiffPolicy policy = linearPolicy(linear())) {
      assertThat(policy.parameters().names()).containsExactlyInAnyOrder("weights", "bias");
      assertThat(logProbs(policy))
          .containsExactly(
              new double[] {
                logSoftmax(1, 1.5, 2, 0), logSoftmax(2, 0.5, -1, 1), logSoftmax(0, 0.5, -1, 1)
              },
              within(1e-14));
    }
  }

  @Test
  void ofLogits_promptsOfAnyLength_shareOneShape() {
    try (SameDiffPolicy policy = linearPolicy(linear())) {
      BatchShape one = policy.shape(List.of(Prompt.of(1)), List.of(Response.of(0)));
      BatchShape other = policy.shape(List.of(Prompt.of(new int[100])), List.of(Response.of(2)));
      assertThat(other).isEqualTo(one);
    }
  }

  @Test
  void graph_changedByTheHostAfterwards_changesNothing() {
    SameDiff graph = linear();
    try (SameDiffPolicy policy = linearPolicy(graph)) {
      double[] before = logProbs(policy);
      graph.getVariable("weights").getArr().muli(100);
      assertThat(logProbs(policy)).containsExactly(before);
    }
  }

  @Test
  void feed_arraysThatTheHostKeeps_stayOpen() {
    INDArray kept = features(PROMPTS.subList(0, 2));
    INDArray last = features(PROMPTS.subList(2, 3));
    try (SameDiffPolicy policy =
        fed((shape, prompts, r) -> Map.of("features", shape.sequences() == 2 ? kept : last))) {
      assertThat(logProbs(policy)).containsExactly(logProbs(policy));
      assertThat(kept.wasClosed()).isFalse();
    }
  }

  @Test
  void feed_thatDoesNotFitTheGraph_isRefusedByName() {
    try (SameDiffPolicy policy =
        fed((s, p, r) -> Map.of("features", features(p).castTo(DataType.FLOAT)))) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("feed[features]: expected DOUBLE [-1, 2], got FLOAT [2, 2]");
    }
    try (SameDiffPolicy policy = fed((s, p, r) -> Map.of("features", features(p).transpose()))) {
      assertThatThrownBy(() -> policy.feed(new BatchShape(3, 2, 1), PROMPTS, RESPONSES))
          .hasMessage("feed[features]: expected DOUBLE [-1, 2], got DOUBLE [2, 3]");
    }
    try (SameDiffPolicy policy = fed((s, p, r) -> Map.of("feature", features(p)))) {
      assertThatThrownBy(() -> logProbs(policy))
          .hasMessage("feed: expected the graph's placeholders [features], got feature");
    }
    try (SameDiffPolicy policy = fed((s, p, r) -> Map.of("weights", features(p)))) {
      assertThatThrownBy(() -> logProbs(policy))
          .hasMessage("feed: expected the graph's placeholders [features], got weights");
    }
    try (SameDiffPolicy policy =
        fed((s, p, r) -> Map.of("features", features(PROMPTS.subList(0, 1))))) {
      assertThatThrownBy(() -> policy.feed(new BatchShape(3, 2, 1), PROMPTS, RESPONSES))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("feed[features]: expected 3 rows, one for each sequence, got [1, 2]");
    }
    try (SameDiffPolicy policy = fed((s, p, r) -> Map.of())) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("features");
    }
  }

  @Test
  void shape_responseThatIsNoChoice_isRefusedByIndex() {
    try (SameDiffPolicy policy = linearPolicy(linear())) {
      assertThatThrownBy(
              () -> policy.shape(PROMPTS.subList(0, 2), List.of(Response.of(0), Response.of(3))))
          .hasMessage("responses[1]: expected one id below 3, got [3]");
      assertThatThrownBy(() -> policy.shape(PROMPTS.subList(0, 1), List.of(Response.of(0, 1))))
          .hasMessage("responses[0]: expected one id below 3, got [0, 1]");
    }
  }

  @Test
  void of_graphsThatCannotBeAPolicy_areRefusedByName() {
    SameDiffPolicy.Feed none = (shape, prompts, responses) -> Map.of();
    assertThatThrownBy(() -> SameDiffPolicy.ofLogits(linear(), "logit", 3, none))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("logits: expected a variable of the graph, one of [")
        .hasMessageEndingWith("], got logit");
    assertThatThrownBy(() -> SameDiffPolicy.ofLogProbs(linear(), "logProb", none))
        .hasMessageStartingWith("logProbs: expected a variable of the graph, one of [");
    assertThatThrownBy(() -> SameDiffPolicy.ofLogits(linear(), "logits", 1, none))
        .hasMessage("choices: expected at least 2, got 1");
    SameDiff untrainable = SameDiff.create();
    untrainable.placeHolder("logits", DataType.DOUBLE, -1, 3);
    assertThatThrownBy(() -> SameDiffPolicy.ofLogits(untrainable, "logits", 3, none))
        .hasMessage("graph: expected at least one trainable variable, got none");
  }

  /** {@code given = features · weights}, named as the test asks for it. */
  private static SameDiff product(String name, INDArray weights) {
    SameDiff graph = SameDiff.create();
    SDVariable features = graph.placeHolder("features", DataType.DOUBLE, -1, 2);
    graph.mmul(name, features, graph.var("weights", weights));
    return graph;
  }

  private static final SameDiffPolicy.Feed FEED =
      (shape, prompts, responses) -> Map.of("features", features(prompts));

  @Test
  void ofLogits_ofAnotherWidthThanChoices_isRefusedWithBothShapes() {
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogits(linear(), "logits", 4, FEED)) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("logits: expected logits of shape [2, 4], [sequences, choices], got [2, 3]");
      assertThatThrownBy(() -> logProbs(policy)) // and again, since nothing was learned
          .hasMessageStartingWith("logits: expected logits of shape [2, 4]");
    }
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogits(linear(), "logits", 2, FEED)) {
      assertThatThrownBy(
              () -> policy.feed(new BatchShape(1, 2, 1), PROMPTS.subList(0, 1), RESPONSES))
          .hasMessage("logits: expected logits of shape [1, 2], [sequences, choices], got [1, 3]");
    }
  }

  /** It would pass by broadcasting: every choice had probability 1. */
  @Test
  void ofLogits_ofOneColumn_isRefused() {
    SameDiff graph = product("logits", Nd4j.ones(DataType.DOUBLE, 2, 1));
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogits(graph, "logits", 3, FEED)) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("logits: expected logits of shape [2, 3], [sequences, choices], got [2, 1]");
    }
  }

  @Test
  void ofLogProbs_thatAreNotOneForEachSequence_areRefusedWithBothShapes() {
    SameDiff graph = product("logProbs", Nd4j.createFromArray(WEIGHTS));
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogProbs(graph, "logProbs", FEED)) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "logProbs: expected logProbs of shape [2], a number for each sequence, got [2, 3]");
    }
    SameDiff column = product("logProbs", Nd4j.ones(DataType.DOUBLE, 2, 1));
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogProbs(column, "logProbs", FEED)) {
      assertThat(logProbs(policy)).containsExactly(1, 1, 1);
    }
  }

  @Test
  void withValues_thatAreNotOneForEachSequence_areRefusedWithBothShapes() {
    try (ActorCritic policy = linearPolicy(linear()).withValues("logits")) {
      BatchShape shape = policy.shape(PROMPTS, RESPONSES);
      assertThatThrownBy(() -> policy.feed(shape, PROMPTS, RESPONSES))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "values: expected logits of shape [3], a number for each sequence, got [3, 3]");
    }
  }

  /** What ND4J says names neither variables nor shapes. */
  @Test
  void run_opOfTheHostThatDoesNotFit_isRefusedWithTheNamesAndShapesOfItsInputs() {
    SameDiff graph = SameDiff.create();
    SDVariable features = graph.placeHolder("features", DataType.DOUBLE, -1, -1);
    SDVariable weights = graph.var("weights", Nd4j.ones(DataType.DOUBLE, 4, 3));
    graph.mmul("logits", features, weights);
    try (SameDiffPolicy policy = SameDiffPolicy.ofLogits(graph, "logits", 3, FEED)) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              "graph: expected inputs that matmul can take for logits, got features [2, 2],"
                  + " weights [4, 3]: ");
    }
  }

  @Test
  void of_aGraphWithANameOfTheLibrary_isRefusedByIt() {
    SameDiff graph = linear();
    graph.var("p3o/loss", Nd4j.ones(DataType.DOUBLE, 1));
    assertThatThrownBy(() -> linearPolicy(graph))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("graph: expected variables whose names do not begin with p3o/, got p3o/loss");
  }

  @Test
  void feed_nullInPlaceOfArrays_isRefusedByName() {
    try (SameDiffPolicy policy = fed((s, p, r) -> new Unmarked<Map<String, INDArray>>().none())) {
      assertThatThrownBy(() -> logProbs(policy)).hasMessage("feed: expected arrays, got null");
    }
    Map<String, INDArray> noArray = new HashMap<>();
    noArray.put("features", new Unmarked<INDArray>().none());
    try (SameDiffPolicy policy = fed((s, p, r) -> noArray)) {
      assertThatThrownBy(() -> logProbs(policy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("feed[features]: expected an array, got null");
    }
  }

  @Test
  void frozenCopy_ofAPolicyThatTrains_staysAsItWas() {
    try (SameDiffPolicy policy = linearPolicy(linear());
        SameDiffPolicy copy = policy.frozenCopy()) {
      double[] before = logProbs(policy);
      policy.parameters().update(vector -> vector.muli(3));
      assertThat(logProbs(copy)).containsExactly(before);
      assertThat(logProbs(policy)).isNotEqualTo(before);
    }
  }

  @Test
  void exportTo_aGraphOfTheSameVariables_writesThem() {
    SameDiff target = linear();
    try (SameDiffPolicy policy = linearPolicy(linear())) {
      policy.parameters().update(vector -> vector.muli(3));
      policy.exportTo(target);
      assertThat(target.getVariable("weights").getArr())
          .isEqualTo(Nd4j.createFromArray(WEIGHTS).mul(3));
      policy.parameters().update(vector -> vector.muli(3));
    }
    assertThat(target.getVariable("bias").getArr().toDoubleVector()).containsExactly(1.5, 0, 0);
    try (SameDiffPolicy policy = linearPolicy(linear())) {
      assertThatThrownBy(() -> policy.exportTo(SameDiff.create()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching("target: expected a variable \\w+, got none of that name");
    }
  }

  /** A unigram model of token sequences: log π(y) = Σ logits[token] − n ln Σ exp logits, padded. */
  private static SameDiffPolicy unigram() {
    SameDiff graph = SameDiff.create();
    SDVariable counts = graph.placeHolder("counts", DataType.DOUBLE, -1, 3);
    SDVariable logits = graph.var("logits", Nd4j.createFromArray(new double[][] {{0}, {1}, {-1}}));
    SDVariable normaliser = graph.math().log(graph.math().exp(logits).sum());
    graph.mmul(counts, logits.sub(normaliser)).sum("logProbs", 1);
    return SameDiffPolicy.ofLogProbs(
        graph,
        "logProbs",
        (shape, prompts, responses) -> {
          double[][] rows = new double[shape.sequences()][3];
          for (int i = 0; i < rows.length; i++) {
            for (int token : responses.get(i).tokens().asList()) {
              rows[i][token]++;
            }
          }
          return ImmutableMap.of("counts", Nd4j.createFromArray(rows));
        });
  }

  @Test
  void ofLogProbs_responsesOfAnyLength_givesWhatTheGraphComputes() {
    try (SameDiffPolicy policy = unigram();
        PolicyScorer scorer = new PolicyScorer(policy, 8)) {
      double[] each = {logSoftmax(0, 0, 1, -1), logSoftmax(1, 0, 1, -1), logSoftmax(2, 0, 1, -1)};
      assertThat(
              scorer.logProbs(
                  List.of(Prompt.of(0), Prompt.of(0)),
                  List.of(Response.of(1, 1, 2), Response.of(0))))
          .containsExactly(new double[] {2 * each[1] + each[2], each[0]}, within(1e-14));
    }
  }

  @Test
  void ofLogProbs_underATrainer_learns() {
    try (SameDiffPolicy policy = unigram();
        P3OTrainer trainer =
            Bandit.trainer(policy)
                .sampler(
                    (prompts, k, random) -> {
                      List<Response> drawn =
                          random
                              .ints((long) k * prompts.size(), 0, 3)
                              .mapToObj(Response::of)
                              .toList();
                      double[] logProbs = new double[drawn.size()];
                      Arrays.fill(logProbs, -Math.log(3));
                      return new Samples(
                          prompts, ImmutableList.copyOf(drawn), LogProbs.ofFlat(k, logProbs));
                    })
                .rewardModel(
                    RewardModel.each((prompt, response) -> response.tokens().get(0) == 2 ? 1 : 0))
                .config(Bandit.config().ratioCheck(TrainerConfig.RatioCheck.OFF).build())
                .build()) {
      trainer.train(40);
      double[] logits = policy.parameters().vector().toDoubleVector();
      assertThat(logits[2]).isGreaterThan(Math.max(logits[0], logits[1]));
    }
  }

  /** A value for each prompt: {@code features · worth}. */
  private static SameDiff withWorth() {
    SameDiff graph = linear();
    SDVariable worth = graph.var("worth", Nd4j.createFromArray(new double[][] {{3}, {-4}}));
    graph.mmul(graph.getVariable("features"), worth).rename("value");
    return graph;
  }

  @Test
  void withValues_ofAGraphThatComputesThem_givesThemBesideTheLogProbabilities() {
    try (ActorCritic policy = linearPolicy(withWorth()).withValues("value")) {
      BatchShape shape = policy.shape(PROMPTS, RESPONSES);
      ActorCriticGraph built = policy.buildWithValues(shape);
      Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, PROMPTS, RESPONSES));
      inputs.putAll(policy.parameters().asMap());

      INDArray values =
          built
              .policy()
              .graph()
              .output(inputs, built.tokenValues().name())
              .values()
              .iterator()
              .next();

      assertThat(values.shape()).containsExactly(3, 1);
      assertThat(values.reshape(3).toDoubleVector()).containsExactly(3, -4, -4);
      assertThat(policy.parameters().names()).contains("worth");
      assertThat(logProbs(policy)[0]).isCloseTo(logSoftmax(1, 1.5, 2, 0), within(1e-14));
    }
  }

  @Test
  void withValues_ofAnUnknownVariableOrWithoutLogits_isRefused() {
    try (SameDiffPolicy policy = linearPolicy(linear());
        SameDiffPolicy ofLogProbs =
            SameDiffPolicy.ofLogProbs(
                linear(), "logits", (shape, prompts, responses) -> Map.of())) {
      assertThatThrownBy(() -> policy.withValues("value"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("values: expected a variable of the graph, one of")
          .hasMessageContaining("got value");
      assertThatThrownBy(() -> ofLogProbs.withValues("bias"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("values: expected a policy of logits, got one of log-probabilities");
    }
  }

  /** Of two features, weights of three choices: another width would be refused if it were run. */
  @Test
  void feed_ofANumberOfSequencesThatWasChecked_doesNotRunTheGraphAgain() {
    int[] width = {2};
    SameDiff graph = SameDiff.create();
    SDVariable features = graph.placeHolder("features", DataType.DOUBLE, -1, -1);
    graph.mmul("logits", features, graph.var("w", Nd4j.zeros(DataType.DOUBLE, 2, 3)));
    try (SameDiffPolicy policy =
        SameDiffPolicy.ofLogits(
            graph,
            "logits",
            3,
            (shape, prompts, responses) ->
                Map.of("features", Nd4j.zeros(DataType.DOUBLE, shape.sequences(), width[0])))) {
      BatchShape shape = policy.shape(PROMPTS, RESPONSES);
      assertThat(policy.feed(shape, PROMPTS, RESPONSES)).containsKey("features");
      width[0] = 5;
      assertThat(policy.feed(shape, PROMPTS, RESPONSES)).containsKey("features");
      try (SameDiffPolicy copy = policy.frozenCopy()) {
        assertThat(copy.feed(shape, PROMPTS, RESPONSES)).containsKey("features");
      }
    }
  }
}
