package io.github.p3o.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoryGrammarTest {

  @Property
  void story_ofAnySeed_isAcceptedAndUsesKnownWords(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    String prompt = StoryGrammar.prompts().get(random.nextInt(StoryGrammar.prompts().size()));

    String story = StoryGrammar.story(prompt, random);

    assertThat(StoryGrammar.accepts(prompt, story)).isTrue();
    assertThat(StoryGrammar.words()).containsAll(Splitter.on(' ').split(prompt + " " + story));
    assertThat(Splitter.on(' ').splitToList(story)).hasSizeLessThan(21);
  }

  @Test
  void words_areAboutAHundred_andPromptsAllDiffer() {
    assertThat(StoryGrammar.words()).hasSizeBetween(80, 120);
    assertThat(StoryGrammar.prompts()).doesNotHaveDuplicates().hasSize(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "found a red ball .",
        "found a red ball . he smiled .",
        "ate an egg . he was happy . it was a good day .",
        " had fun at the lake . he smiled . his mother gave him a hug . "
      })
  void accepts_aStory_isTrue(String story) {
    assertThat(StoryGrammar.accepts("today the little dog", story)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "found a red ball",
        "found a red ball . she smiled .", // the dog is he
        "found an red ball .",
        "ate a egg .",
        "found a red ball . it was late .", // the third sentence without a second
        "happy happy happy .",
        "found a red ball . he smiled . he smiled .",
        "found a red ball . he smiled . it was late . it was late ."
      })
  void accepts_anythingElse_isFalse(String story) {
    assertThat(StoryGrammar.accepts("today the little dog", story)).isFalse();
  }
}
