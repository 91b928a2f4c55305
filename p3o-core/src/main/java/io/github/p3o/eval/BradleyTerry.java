package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;

/**
 * Strengths of players from their games: i beats j with probability σ(θ_i − θ_j) (Bradley and
 * Terry, Biometrika 39, 1952), at the greatest likelihood.
 *
 * <p>The iteration is that of Newman (Efficient Computation of Rankings from Pairwise Comparisons,
 * JMLR 24, 2023): as simple as the older one of Zermelo and Hunter, and some hundred times faster
 * where a player wins nearly all games.
 */
final class BradleyTerry {

  /** Far below any standard error of a strength, in nats. */
  private static final double TOLERANCE = 1e-12;

  /** Some tens are enough even for players that win a thousand games and lose half a one. */
  private static final int MAX_ITERATIONS = 100_000;

  private BradleyTerry() {}

  /**
   * The strengths θ.
   *
   * @param wins how often the row's player beat the column's {@code [players][players]}, ≥ 0,
   *     fractions allowed; the diagonal is not read
   * @return θ in nats {@code [players]}, of mean 0
   * @throws IllegalArgumentException if some players never lost to any of the others, whose
   *     strengths would be infinitely far away
   */
  static double[] strengths(double[][] wins) {
    checkConnected(wins);
    double[] strengths = new double[wins.length]; // log π
    for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
      double[] before = strengths.clone();
      for (int i = 0; i < wins.length; i++) {
        strengths[i] += Math.log(odds(i, wins, strengths));
      }
      center(strengths);
      if (distance(before, strengths) < TOLERANCE) {
        return strengths;
      }
    }
    throw new IllegalStateException(
        "wins: expected strengths within " + MAX_ITERATIONS + " iterations, got none");
  }

  /**
   * π_i of the next iteration over that of this one: (Σ_j w_ij π_j/(π_i + π_j)) / (Σ_j w_ji π_i /
   * (π_i + π_j)); 1 where the likelihood is greatest.
   */
  private static double odds(int i, double[][] wins, double[] strengths) {
    double won = 0;
    double lost = 0;
    for (int j = 0; j < wins.length; j++) {
      if (j != i) {
        double lead = strengths[i] - strengths[j];
        won += wins[i][j] / (1 + Math.exp(lead)); // not 1 − chance, which has no digits near 0
        lost += wins[j][i] / (1 + Math.exp(-lead));
      }
    }
    return won / lost;
  }

  private static void center(double[] strengths) {
    double mean = Arrays.stream(strengths).average().orElse(0);
    for (int i = 0; i < strengths.length; i++) {
      strengths[i] -= mean;
    }
  }

  private static double distance(double[] a, double[] b) {
    double greatest = 0;
    for (int i = 0; i < a.length; i++) {
      greatest = Math.max(greatest, Math.abs(a[i] - b[i]));
    }
    return greatest;
  }

  /**
   * There is one greatest likelihood exactly if, however the players are parted in two, each part
   * has beaten the other at least once (Ford, American Mathematical Monthly 64, 1957): everyone can
   * be reached from everyone along wins.
   */
  private static void checkConnected(double[][] wins) {
    boolean[][] reaches = new boolean[wins.length][wins.length];
    for (int i = 0; i < wins.length; i++) {
      for (int j = 0; j < wins.length; j++) {
        reaches[i][j] = i == j || wins[i][j] > 0;
      }
    }
    for (int k = 0; k < wins.length; k++) {
      for (int i = 0; i < wins.length; i++) {
        for (int j = 0; j < wins.length; j++) {
          reaches[i][j] |= reaches[i][k] && reaches[k][j];
        }
      }
    }
    for (int i = 0; i < wins.length; i++) {
      for (int j = 0; j < wins.length; j++) {
        checkArgument(
            reaches[i][j],
            "wins: expected a way along wins from each player to each, got none from %s to %s",
            i,
            j);
      }
    }
  }
}
