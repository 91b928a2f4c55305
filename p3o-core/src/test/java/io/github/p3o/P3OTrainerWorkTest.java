package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ForwardingPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What a step asks of policy and reference, counted: more of it would change no result. */
class P3OTrainerWorkTest {

  private static final int PAIRS = 24; // of a step, in 3 epochs

  /** Notes what it is asked for. */
  private static final class Noting extends ForwardingPolicy {
    private final List<Integer> fed = new ArrayList<>();
    private int built;
    private int parametersRead;

    Noting(Policy policy) {
      super(policy);
    }

    @Override
    public PolicyGraph build(BatchShape shape) {
      built++;
      return super.build(shape);
    }

    @Override
    public Map<String, INDArray> feed(
        BatchShape shape, List<Prompt> prompts, List<Response> responses) {
      fed.add(responses.size());
      return super.feed(shape, prompts, responses);
    }

    @Override
    public Parameters parameters() {
      parametersRead++;
      return super.parameters();
    }

    int sequences() {
      return fed.stream().mapToInt(Integer::intValue).sum();
    }
  }

  @Test
  void step_ofAnyNumber_scoresAndDifferentiatesEachPairOnceAndSomeAtATime() {
    try (TabularPolicy tabular = TabularPolicy.uniform(3, 4);
        TabularPolicy frozen = tabular.frozenCopy()) {
      Noting policy = new Noting(tabular);
      Noting reference = new Noting(frozen);
      try (P3OTrainer trainer =
          Bandit.trainer(policy).sampler(tabular).reference(reference).build()) {
        trainer.step();
        assertThat(reference.sequences()).isEqualTo(2 * PAIRS);
        assertThat(policy.sequences()).isEqualTo(3 * 2 * PAIRS);
        int built = policy.built;
        trainer.train(4);
        assertThat(reference.sequences()).isEqualTo(5 * 2 * PAIRS);
        assertThat(policy.sequences()).isEqualTo(5 * 3 * 2 * PAIRS);
        int atOnce = 2 * Bandit.config().build().promptsPerMicroBatch();
        assertThat(reference.fed).allMatch(count -> count <= atOnce);
        assertThat(policy.fed).allMatch(count -> count <= atOnce);
        assertThat(policy.built).isEqualTo(built).isEqualTo(2); // of 4 pairs and of 2
        assertThat(reference.built).isEqualTo(1);
      }
    }
  }

  /** Its fingerprint takes as long as to read it all. */
  @Test
  void checkpoint_afterTheFirst_readsTheReferenceNoMore() {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        TabularPolicy frozen = policy.frozenCopy()) {
      Noting reference = new Noting(frozen);
      try (P3OTrainer trainer = Bandit.trainer(policy).reference(reference).build()) {
        Checkpoint first = trainer.checkpoint();
        int read = reference.parametersRead;
        assertThat(trainer.checkpoint().settings()).isEqualTo(first.settings());
        assertThat(reference.parametersRead).isEqualTo(read);
      }
    }
  }
}
