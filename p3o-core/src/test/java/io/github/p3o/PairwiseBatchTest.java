package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import org.junit.jupiter.api.Test;

class PairwiseBatchTest {

  private static final LogProbs OLD = LogProbs.of(new double[] {-1, -2}, new double[] {-3, -4});
  private static final LogProbs REFERENCE =
      LogProbs.of(new double[] {-5, -6}, new double[] {-7, -8});
  private static final Rewards REWARDS = Rewards.of(new double[] {1, 2}, new double[] {3, 4});
  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(10), Prompt.of(20));
  private static final ImmutableList<Response> RESPONSES =
      ImmutableList.of(Response.of(1), Response.of(2), Response.of(3), Response.of(4));
  private static final ImmutableLongArray IDS = ImmutableLongArray.of(100, 200);

  private static PairwiseBatch batch() {
    return new PairwiseBatch(IDS, PROMPTS, RESPONSES, OLD, REFERENCE, REWARDS);
  }

  @Test
  void ofNumbers_countsItsPairs() {
    PairwiseBatch batch = PairwiseBatch.ofNumbers(OLD, REFERENCE, REWARDS);

    assertThat(batch.groups()).isEqualTo(2);
    assertThat(batch.responsesPerPrompt()).isEqualTo(2);
    assertThat(batch.ids().toArray()).containsExactly(0, 1);
    assertThat(batch.prompts()).isEmpty();
    assertThat(batch.promptOfEach()).isEmpty();
    assertThat(batch.select(1).responses()).isEmpty();
  }

  @Test
  void promptOfEach_followsTheOrderOfTheResponses() {
    assertThat(batch().promptOfEach())
        .containsExactly(Prompt.of(10), Prompt.of(20), Prompt.of(10), Prompt.of(20));
  }

  private static TokenTargets targets(double advantage) {
    return new TokenTargets(
        TokenLogProbs.of(-1), TokenValues.of(0), TokenAdvantages.of(advantage), TokenValues.of(2));
  }

  @Test
  void select_ofABatchWithTargets_keepsThemWithTheirResponses() {
    PairwiseBatch selected =
        batch()
            .withTargets(ImmutableList.of(targets(1), targets(2), targets(3), targets(4)))
            .select(1);

    assertThat(selected.responses()).containsExactly(Response.of(2), Response.of(4));
    assertThat(selected.targets()).containsExactly(targets(2), targets(4));
  }

  @Test
  void withTargets_thatDoNotFitTheResponses_isRefused() {
    assertThatThrownBy(() -> batch().withTargets(ImmutableList.of(targets(1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("targets: expected 4 or none, got 1");
    TokenTargets two =
        new TokenTargets(
            TokenLogProbs.of(-1, -1),
            TokenValues.of(0, 0),
            TokenAdvantages.of(1, 1),
            TokenValues.of(2, 2));
    assertThatThrownBy(
            () -> batch().withTargets(ImmutableList.of(targets(1), two, targets(1), targets(1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("targets[1]: expected 1 tokens, got 2");
  }

  @Test
  void select_keepsEveryPartOfAGroupTogether() {
    PairwiseBatch selected = batch().select(1, 0, 1);

    assertThat(selected.ids().toArray()).containsExactly(200, 100, 200);
    assertThat(selected.prompts()).containsExactly(Prompt.of(20), Prompt.of(10), Prompt.of(20));
    assertThat(selected.responses())
        .containsExactly(
            Response.of(2),
            Response.of(1),
            Response.of(2),
            Response.of(4),
            Response.of(3),
            Response.of(4));
    assertThat(selected.oldLogProbs().values().toArray()).containsExactly(-2, -1, -2, -4, -3, -4);
    assertThat(selected.referenceLogProbs().values().toArray())
        .containsExactly(-6, -5, -6, -8, -7, -8);
    assertThat(selected.rewards().values().toArray()).containsExactly(2, 1, 2, 4, 3, 4);
  }

  @Test
  void batch_ofPartsThatDisagree_isRefusedByName() {
    Rewards three = Rewards.of(new double[3], new double[3]);
    LogProbs wide = LogProbs.of(new double[2], new double[2], new double[2]);
    assertThatThrownBy(() -> PairwiseBatch.ofNumbers(OLD, REFERENCE, three))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewards: expected shape [2, 2], got [2, 3]");
    assertThatThrownBy(() -> PairwiseBatch.ofNumbers(OLD, wide, REWARDS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("referenceLogProbs: expected shape [2, 2], got [3, 2]");
  }

  @Test
  void batch_ofOneResponseAPromptOrNoPrompt_isRefused() {
    LogProbs single = LogProbs.of(new double[2]);
    LogProbs none = LogProbs.of(new double[0], new double[0]);
    assertThatThrownBy(() -> PairwiseBatch.ofNumbers(single, single, Rewards.of(new double[2])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("oldLogProbs: expected at least 2 responses a prompt, got 1");
    assertThatThrownBy(
            () -> PairwiseBatch.ofNumbers(none, none, Rewards.of(new double[0], new double[0])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("oldLogProbs: expected at least 1 pair, got none");
  }

  @Test
  void batch_ofWrongNumberOfIdsPromptsOrResponses_isRefused() {
    assertThatThrownBy(
            () ->
                new PairwiseBatch(
                    ImmutableLongArray.of(1), PROMPTS, RESPONSES, OLD, REFERENCE, REWARDS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ids: expected length 2, got 1");
    assertThatThrownBy(
            () -> new PairwiseBatch(IDS, PROMPTS.subList(0, 1), RESPONSES, OLD, REFERENCE, REWARDS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("prompts: expected 2 or none, got 1");
    assertThatThrownBy(
            () -> new PairwiseBatch(IDS, PROMPTS, RESPONSES.subList(0, 3), OLD, REFERENCE, REWARDS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("responses: expected 4, got 3");
  }
}
