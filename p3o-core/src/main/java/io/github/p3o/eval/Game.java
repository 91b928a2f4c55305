package io.github.p3o.eval;

import io.github.p3o.eval.Judge.Verdict;

/**
 * What a judge said of two players' answers to one prompt, in both orders.
 *
 * @param forth with the first player's answer shown first
 * @param back with the second player's answer shown first
 * @param asked false if the answers are equal, which is a tie without asking
 */
record Game(Verdict forth, Verdict back, boolean asked) {

  /** Of two equal answers. */
  static final Game EQUAL = new Game(Verdict.TIE, Verdict.TIE, false);

  /** Whether both answers of the judge are valid. */
  boolean counts() {
    return forth != Verdict.INVALID && back != Verdict.INVALID;
  }

  /** The first player's: of each verdict 1, ½ or 0, and their mean. */
  double points() {
    return (2 + sign(forth) - sign(back)) / 4;
  }

  /** Whether the judge says the same in both orders. */
  boolean consistent() {
    return sign(forth) == -sign(back);
  }

  /** Verdicts for the answer that was shown first, less those for the one shown second. */
  double leaning() {
    return sign(forth) + sign(back);
  }

  /** How many verdicts are of a kind. */
  int count(Verdict verdict) {
    return (forth == verdict ? 1 : 0) + (back == verdict ? 1 : 0);
  }

  /** How many verdicts are an answer to the question. */
  int valid() {
    return 2 - count(Verdict.INVALID);
  }

  private static double sign(Verdict verdict) {
    return verdict == Verdict.FIRST ? 1 : verdict == Verdict.SECOND ? -1 : 0;
  }
}
