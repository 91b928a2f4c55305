package io.github.p3o.examples.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.examples.quickstart.StoryGrammar;
import org.junit.jupiter.api.Test;

class GoldTest {

  @Test
  void sentiment_countsHappyLessSadWords_howeverWritten() {
    String text = "\"I am SO happy!\" he smiled. She cried.";

    assertThat(Gold.SENTIMENT.balance(text)).isEqualTo(1);
    assertThat(Gold.SENTIMENT.score(text)).isCloseTo(Math.tanh(0.25), within(1e-12));
  }

  @Test
  void sentiment_ofAWordRepeated_isBounded() {
    assertThat(Gold.SENTIMENT.score("happy ".repeat(1000))).isBetween(0.99, 1.0);
    assertThat(Gold.SENTIMENT.score("")).isZero();
  }

  @Test
  void cheerful_ofEquallyHappyStories_prefersTheShorter() {
    double shorter = Gold.CHEERFUL.score("found a red ball . he smiled .");
    double longer = Gold.CHEERFUL.score("found a red ball . he smiled . it was late .");

    assertThat(shorter).isCloseTo(Math.tanh(0.5) - 0.06, within(1e-12));
    assertThat(longer).isCloseTo(Math.tanh(0.5) - 0.09, within(1e-12));
  }

  @Test
  void everyHappyOrSadWordOfTheLanguage_isCounted() {
    assertThat(StoryGrammar.words().stream().filter(w -> Gold.CHEERFUL.balance(w) != 0))
        .containsExactlyInAnyOrder(
            "fun", "hug", "won", "happy", "glad", "smiled", "laughed", "danced", "sang", "loved",
            "good", "lost", "broke", "fell", "sad", "afraid", "cried", "angry", "nobody", "bad");
  }
}
