package io.github.p3o.examples.language;

import com.google.common.base.Ascii;
import com.google.common.base.CharMatcher;
import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableSet;
import java.util.List;

/**
 * Known preferences: scorers of text that stand for what people want, so that the true reward can
 * be measured next to the one of a trained reward model. All are bounded: of an unbounded one, a
 * policy takes as much as it can, in one word repeated.
 */
public enum Gold {

  /** tanh((happy words − sad words) / 4), on any English text. */
  SENTIMENT(
      "tanh((happy words - sad words) / 4)",
      """
      happy happily happier happiness smile smiles smiled smiling laugh laughs laughed
      laughing giggle giggled giggling fun funny joy joyful glad cheerful cheer cheered
      excited exciting proud love loves loved lovely loving like liked likes enjoy enjoyed hug
      hugs hugged kiss kissed kind nice good great best better wonderful beautiful pretty
      friend friends play played playing dance danced dancing sing sang singing thank thanked
      helpful safe delicious yummy special amazing perfect
      """,
      """
      sad sadly sadness unhappy cry cries cried crying tear tears scared scary afraid fear
      frightened worried worry angry mad mean bad worse worst hurt hurts pain sick ill lonely
      alone lost lose broke broken fell fall hate hated ugly sorry upset yell yelled scream
      screamed shouted fight fought trouble danger dangerous dark died dead die tired hungry
      cold missed bored boring naughty wrong mess nobody
      """) {
    @Override
    public double score(String text) {
      return Math.tanh(balance(text) / 4.0);
    }
  },

  /**
   * What quickstart's stories are liked for: tanh((happy words − sad words) / 2), less 0.01 a word,
   * so that of two equally happy stories the shorter is better.
   */
  CHEERFUL(
      "tanh((happy words - sad words) / 2) - 0.01 x words",
      """
      fun hug won happy glad smiled laughed danced sang loved good
      """,
      """
      lost broke fell sad afraid cried angry nobody bad
      """) {
    @Override
    public double score(String text) {
      return Math.tanh(balance(text) / 2.0) - 0.01 * words(text).size();
    }
  };

  private final String formula;
  private final ImmutableSet<String> happy;
  private final ImmutableSet<String> sad;

  Gold(String formula, String happy, String sad) {
    this.formula = formula;
    this.happy = ImmutableSet.copyOf(words(happy));
    this.sad = ImmutableSet.copyOf(words(sad));
  }

  /** The score of a text; higher is better. */
  public abstract double score(String text);

  /** What the score is, in one line. */
  public String formula() {
    return formula;
  }

  /** The name on the command line. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }

  /** Happy words less sad words, each time one occurs. */
  int balance(String text) {
    int balance = 0;
    for (String word : words(text)) {
      String lower = Ascii.toLowerCase(word);
      balance += happy.contains(lower) ? 1 : sad.contains(lower) ? -1 : 0;
    }
    return balance;
  }

  private static List<String> words(String text) {
    CharMatcher letters =
        CharMatcher.inRange('a', 'z').or(CharMatcher.inRange('A', 'Z')).or(CharMatcher.is('\''));
    return Splitter.on(letters.negate()).omitEmptyStrings().splitToList(text);
  }
}
