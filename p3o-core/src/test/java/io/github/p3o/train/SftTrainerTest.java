package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.BatchShape;
import io.github.p3o.Checkpoint;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.Ops;
import io.github.p3o.testing.ForwardingPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

class SftTrainerTest {

  private static final double[][] LOGITS = {{1, 0, -1}, {0, 2, 0}};

  private static final List<Example> EXAMPLES =
      List.of(example(0, 2), example(1, 0), example(0, 2), example(0, 1), example(1, 0));

  private static Example example(int context, int choice) {
    return new Example(Prompt.of(context), Response.of(choice));
  }

  private static TokenLoss loss(Function<PolicyGraph, SDVariable> of) {
    return new TokenLoss() {
      @Override
      public String name() {
        return "test";
      }

      @Override
      public SDVariable build(PolicyGraph policy) {
        return of.apply(policy);
      }
    };
  }

  private static SftTrainer trainer(Policy policy, int examplesAtOnce) {
    return new SftTrainer(
        policy,
        loss(graph -> Ops.negate(graph.tokenLogProbs())),
        OptimizerConfig.adamW(0.1),
        examplesAtOnce);
  }

  private static double meanLoss(TabularPolicy policy) {
    double sum = 0;
    for (Example example : EXAMPLES) {
      double[] probabilities = policy.probabilities(example.prompt().tokens().get(0));
      sum -= Math.log(probabilities[example.response().tokens().get(0)]);
    }
    return sum / EXAMPLES.size();
  }

  @Test
  void step_manyTimes_fitsTheFrequenciesOfTheExamples() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        SftTrainer trainer = trainer(policy, 100)) {
      for (int i = 0; i < 300; i++) {
        trainer.step(EXAMPLES);
      }
      assertThat(policy.probabilities(0)[2]).isCloseTo(2 / 3.0, within(0.02));
      assertThat(policy.probabilities(1)[0]).isGreaterThan(0.97);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 100})
  void evaluate_someAtOnce_isTheMeanOverAll(int examplesAtOnce) {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        SftTrainer trainer = trainer(policy, examplesAtOnce)) {
      assertThat(trainer.evaluate(EXAMPLES)).isCloseTo(meanLoss(policy), within(1e-14));
      assertThat(policy.parameters().vector().toDoubleVector()).containsExactly(1, 0, -1, 0, 2, 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void step_someAtOnce_equalsTheOneLargeBatch(int examplesAtOnce) {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        TabularPolicy other = TabularPolicy.of(LOGITS);
        SftTrainer whole = trainer(policy, 100);
        SftTrainer parts = trainer(other, examplesAtOnce)) {
      for (int i = 0; i < 5; i++) {
        double before = meanLoss(policy);
        assertThat(whole.step(EXAMPLES)).isCloseTo(before, within(1e-14));
        assertThat(parts.step(EXAMPLES)).isCloseTo(before, within(1e-12));
        assertThat(other.parameters().vector().toDoubleVector())
            .containsExactly(policy.parameters().vector().toDoubleVector(), within(1e-12));
      }
    }
  }

  @Test
  void step_noExamples_isRefused() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        SftTrainer trainer = trainer(policy, 2)) {
      assertThatThrownBy(() -> trainer.step(new ArrayList<>()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("examples: expected at least one, got none");
      assertThatThrownBy(() -> trainer.evaluate(List.of()))
          .hasMessage("examples: expected at least one, got none");
    }
  }

  @Test
  void step_exampleThatThePolicyDoesNotKnow_isRefusedByIndex() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        SftTrainer trainer = trainer(policy, 8)) {
      assertThatThrownBy(() -> trainer.step(List.of(example(0, 0), example(0, 3))))
          .hasMessage("responses[1]: expected one id below 3, got [3]");
      trainer.step(EXAMPLES);
    }
  }

  @Test
  void step_nonFiniteLossOrGradient_leavesThePolicyAsItWas() {
    TokenLoss infinite =
        loss(graph -> Ops.log(Ops.multiply(Ops.stopGradient(graph.tokenLogProbs()), 0)));
    TokenLoss steep =
        loss(
            graph -> {
              SDVariable x = graph.tokenLogProbs();
              return Ops.sqrt(Ops.subtract(x, Ops.stopGradient(x)));
            });
    OptimizerConfig optimizer = OptimizerConfig.adamW(0.1);
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        SftTrainer first = new SftTrainer(policy, sum(infinite), optimizer, 2);
        SftTrainer second = new SftTrainer(policy, steep, optimizer, 2)) {
      assertThatThrownBy(() -> first.step(EXAMPLES))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage("loss: expected a finite value, got -Infinity; the parameters are unchanged");
      assertThatThrownBy(() -> first.evaluate(EXAMPLES)).isInstanceOf(NonFiniteException.class);
      assertThatThrownBy(() -> second.step(EXAMPLES))
          .isInstanceOf(NonFiniteException.class)
          .hasMessageStartingWith("gradient: expected finite values, got norm ");
      assertThat(policy.parameters().vector().toDoubleVector()).containsExactly(1, 0, -1, 0, 2, 0);
    }
  }

  /** Plus the log-probabilities, so that there is something to differentiate. */
  private static TokenLoss sum(TokenLoss loss) {
    return loss(graph -> Ops.add(loss.build(graph), graph.tokenLogProbs()));
  }

  @Test
  void constructor_whatCannotTrain_isRefusedByName() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS);
        TabularPolicy frozen = policy.frozenCopy()) {
      assertThatThrownBy(() -> trainer(policy, 0))
          .hasMessage("examplesAtOnce: expected at least 1, got 0");
      assertThatThrownBy(() -> trainer(frozen, 1))
          .hasMessage("parameters: expected trainable ones, got frozen ones");
    }
  }

  @Test
  void use_afterClose_isRefused() {
    try (TabularPolicy policy = TabularPolicy.of(LOGITS)) {
      SftTrainer trainer = trainer(policy, 2);
      trainer.step(EXAMPLES);
      Checkpoint before = trainer.checkpoint();
      trainer.close();
      trainer.close();
      for (ThrowingCallable call :
          List.<ThrowingCallable>of(
              () -> trainer.step(EXAMPLES),
              () -> trainer.evaluate(EXAMPLES),
              trainer::checkpoint,
              () -> trainer.restore(before))) {
        assertThatThrownBy(call)
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("trainer: expected an open one, got one that was closed");
      }
    }
  }

  /** The memory is that of so many; a graph of each number is made once. */
  @Test
  void step_someAtOnce_feedsNoMoreAndBuildsEachGraphOnce() {
    List<Integer> fed = new ArrayList<>();
    List<Integer> built = new ArrayList<>();
    try (TabularPolicy tabular = TabularPolicy.of(LOGITS)) {
      Policy policy =
          new ForwardingPolicy(tabular) {
            @Override
            public PolicyGraph build(BatchShape shape) {
              built.add(shape.sequences());
              return super.build(shape);
            }

            @Override
            public Map<String, INDArray> feed(
                BatchShape shape, List<Prompt> prompts, List<Response> responses) {
              fed.add(responses.size());
              return super.feed(shape, prompts, responses);
            }
          };
      try (SftTrainer trainer = trainer(policy, 2)) {
        for (int i = 0; i < 3; i++) {
          trainer.step(EXAMPLES);
        }
      }
    }
    assertThat(fed).containsExactly(2, 2, 1, 2, 2, 1, 2, 2, 1);
    assertThat(built).containsExactly(2, 1);
  }
}
