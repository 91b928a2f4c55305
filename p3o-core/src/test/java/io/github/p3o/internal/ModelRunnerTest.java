package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.ForwardingPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ModelRunnerTest {

  private static final List<Prompt> PROMPTS = List.of(Prompt.of(0), Prompt.of(1), Prompt.of(1));
  private static final List<Response> RESPONSES =
      List.of(Response.of(0), Response.of(1), Response.of(2));

  /** A tabular policy that remembers the shapes it built for and the arrays it fed. */
  private static final class Remembering extends ForwardingPolicy {
    private final TabularPolicy policy;
    private final List<INDArray> fed = new ArrayList<>();
    private final List<BatchShape> built = new ArrayList<>();

    Remembering() {
      this(TabularPolicy.of(new double[][] {{1, 0, 0}, {0, 2, 0}}));
    }

    private Remembering(TabularPolicy policy) {
      super(policy);
      this.policy = policy;
    }

    @Override
    public PolicyGraph build(BatchShape shape) {
      built.add(shape);
      return super.build(shape);
    }

    @Override
    public Map<String, INDArray> feed(
        BatchShape shape, List<Prompt> prompts, List<Response> responses) {
      Map<String, INDArray> arrays = super.feed(shape, prompts, responses);
      fed.addAll(arrays.values());
      return arrays;
    }
  }

  @Test
  void logProbs_someAtOnce_equalAllAtOnceAndBuildOneGraphAShape() {
    try (Remembering policy = new Remembering();
        PolicyScorer some = new PolicyScorer(policy, 2);
        PolicyScorer all = new PolicyScorer(policy, 100)) {
      double[] expected = all.logProbs(PROMPTS, RESPONSES);
      assertThat(expected[1]).isCloseTo(Math.log(policy.policy.probabilities(1)[1]), within(1e-15));
      policy.built.clear();
      for (int i = 0; i < 3; i++) {
        assertThat(some.logProbs(PROMPTS, RESPONSES)).containsExactly(expected);
      }
      assertThat(policy.built).extracting(BatchShape::sequences).containsExactly(2, 1);
      assertThat(some.logProbs(List.of(), List.of())).isEmpty();
      assertThatThrownBy(() -> some.logProbs(PROMPTS, RESPONSES.subList(1, 3)))
          .hasMessage("prompts: expected 2, one for each response, got 3");
      assertThatThrownBy(() -> new PolicyScorer(policy, 0))
          .hasMessage("sequencesAtOnce: expected at least 1, got 0");
    }
  }

  @Test
  void logProbs_afterAnUpdate_seeTheNewParameters() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3);
        TabularPolicy copy = policy.frozenCopy();
        PolicyScorer scorer = new PolicyScorer(policy, 4);
        PolicyScorer ofCopy = new PolicyScorer(copy, 4)) {
      double before = scorer.logProbs(PROMPTS, RESPONSES)[0];
      ofCopy.logProbs(PROMPTS, RESPONSES);
      policy.parameters().update(vector -> vector.putScalar(0, 1));
      assertThat(scorer.logProbs(PROMPTS, RESPONSES)[0]).isGreaterThan(before + 0.1);
      assertThat(ofCopy.logProbs(PROMPTS, RESPONSES)[0]).isEqualTo(before);
    }
  }

  @Test
  void run_anyTime_closesWhatWasFedAndNotTheParameters() {
    try (Remembering policy = new Remembering();
        PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      scorer.logProbs(PROMPTS, RESPONSES);
      scorer.logProbs(PROMPTS, RESPONSES);
      assertThat(policy.fed).hasSize(8).allMatch(INDArray::wasClosed);
      assertThat(policy.parameters().vector().wasClosed()).isFalse();
    }
  }

  @Test
  void run_thatFails_closesWhatWasFed() {
    try (Remembering policy = new Remembering();
        ModelRunner runner =
            new ModelRunner(
                "test",
                policy,
                shape -> {
                  throw new IllegalStateException("no program");
                })) {
      INDArray more = Nd4j.createFromArray(1.0);
      assertThatThrownBy(() -> runner.run(PROMPTS, RESPONSES, ImmutableMap.of("more", more)))
          .hasMessage("no program");
      assertThat(policy.fed).hasSize(2).allMatch(INDArray::wasClosed);
      assertThat(more.wasClosed()).isTrue();
    }
  }

  @Test
  void run_withViewsFed_leavesThemToTheirOwner() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3);
        ModelRunner runner =
            new ModelRunner(
                "test",
                policy,
                shape -> {
                  PolicyGraph built = policy.build(shape);
                  return Program.forward(
                      built.graph(),
                      policy.parameters().names(),
                      ImmutableList.of(built.logProbs().name()));
                })) {
      INDArray table = Nd4j.createFromArray(new double[][] {{1, 2}, {3, 4}});
      runner.run(PROMPTS, RESPONSES, ImmutableMap.of("row", table.getRow(1)));
      assertThat(table.wasClosed()).isFalse();
    }
  }

  @Test
  void run_afterClose_isRefused() {
    try (TabularPolicy policy = TabularPolicy.uniform(2, 3)) {
      PolicyScorer scorer = new PolicyScorer(policy, 2);
      scorer.logProbs(PROMPTS, RESPONSES);
      scorer.close();
      scorer.close();
      assertThatThrownBy(() -> scorer.logProbs(PROMPTS, RESPONSES))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("scorer: expected an open one, got one that was closed");
    }
  }

  /** What a host feeds would take the place of what the objective does. */
  @Test
  void run_withANameThatTheModelFeedsToo_isRefusedAndClosesBoth() {
    try (Remembering policy = new Remembering();
        ModelRunner runner =
            new ModelRunner(
                "test",
                policy,
                shape -> {
                  throw new AssertionError("not to be made");
                })) {
      String name =
          policy
              .feed(policy.shape(PROMPTS, RESPONSES), PROMPTS, RESPONSES)
              .keySet()
              .iterator()
              .next();
      policy.fed.forEach(INDArray::close);
      INDArray more = Nd4j.createFromArray(1.0);
      assertThatThrownBy(() -> runner.run(PROMPTS, RESPONSES, ImmutableMap.of(name, more)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("feed: expected names other than those of the objective, got [" + name + "]");
      assertThat(policy.fed).hasSize(4).allMatch(INDArray::wasClosed);
      assertThat(more.wasClosed()).isTrue();
    }
  }
}
