package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.examples.language.SplitPrompts;
import io.github.p3o.examples.report.JudgedOn;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PromptSplitTest {

  private static PromptSplit split(int prompts, IntPredicate heldOut, int count) {
    ImmutableList<Prompt> all =
        IntStream.range(0, prompts).mapToObj(Prompt::of).collect(ImmutableList.toImmutableList());
    return PromptSplit.of(new SplitPrompts(all, heldOut), count, 1);
  }

  @Test
  void of_promptsOfBothSides_keepsEachOnItsOwn() {
    PromptSplit split = split(10, i -> i < 3, 6);

    assertThat(split.training())
        .containsExactlyInAnyOrder(
            IntStream.range(3, 10).mapToObj(Prompt::of).toArray(Prompt[]::new));
    assertThat(split.judging().subList(0, 3))
        .containsExactlyInAnyOrder(Prompt.of(0), Prompt.of(1), Prompt.of(2))
        .isEqualTo(split.judging().subList(3, 6));
    assertThat(split.judgedOn()).isEqualTo(JudgedOn.HELD_OUT);
    assertThat(split.summary()).isEqualTo("7 prompts to learn from, 3 held out");
  }

  @Test
  void of_fewPromptsOrOneSideAlone_holdsNoneOut() {
    for (PromptSplit split :
        ImmutableList.of(
            split(4, i -> i < 1, 4), split(6, i -> false, 6), split(6, i -> true, 6))) {
      assertThat(split.judging()).containsExactlyInAnyOrderElementsOf(split.training());
      assertThat(split.judgedOn()).isEqualTo(JudgedOn.TRAINING);
      assertThat(split.summary()).endsWith("prompts, none held out: judged on the same");
    }
  }
}
