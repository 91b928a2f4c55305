package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class BradleyTerryTest {

  private static final Offset<Double> EXACTLY = within(1e-9);

  /**
   * Citations between four journals of statistics and the strengths that R's BradleyTerry2 gives
   * them (H. Turner and D. Firth, Bradley-Terry Models in R, Journal of Statistical Software 48(9),
   * 2012; data of Stigler 1994), relative to the first.
   */
  @Test
  void strengths_ofJournals_areThoseOfR() {
    double[][] citations = {
      {0, 730, 498, 221}, {33, 0, 68, 17}, {320, 813, 0, 142}, {284, 276, 325, 0}
    };

    double[] strengths = BradleyTerry.strengths(citations);

    double[] relative = Arrays.stream(strengths).map(s -> s - strengths[0]).toArray();
    assertThat(relative)
        .containsExactly(new double[] {0, -2.94907, -0.47957, 0.26895}, within(1e-5));
    assertThat(Arrays.stream(strengths).sum()).isCloseTo(0, EXACTLY);
  }

  @Test
  void strengths_ofTwoPlayers_areTheLogOdds() {
    double[] strengths = BradleyTerry.strengths(new double[][] {{0, 1000.5}, {0.5, 0}});

    assertThat(strengths[0] - strengths[1]).isCloseTo(Math.log(2001), EXACTLY);
  }

  /** Wins in proportion to σ(θ_i − θ_j) are most likely under θ itself. */
  @Property(tries = 100)
  void strengths_ofExpectedWins_areThoseBehindThem(
      @ForAll @IntRange(min = 2, max = 8) int players, @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] behind = random.doubles(players, -4, 4).toArray();
    double mean = Arrays.stream(behind).average().orElseThrow();
    double[][] wins = new double[players][players];
    for (int i = 0; i < players; i++) {
      for (int j = 0; j < i; j++) {
        double games = random.nextDouble(1, 100);
        wins[i][j] = games / (1 + Math.exp(behind[j] - behind[i]));
        wins[j][i] = games - wins[i][j];
      }
    }

    double[] expected = Arrays.stream(behind).map(s -> s - mean).toArray();
    assertThat(BradleyTerry.strengths(wins)).containsExactly(expected, within(1e-7));
  }

  @Test
  void strengths_ofPlayersThatNeverLost_areRefusedByTheirPlaces() {
    double[][] wins = {{0, 3, 1}, {0, 0, 2}, {0, 1, 0}};

    assertThatThrownBy(() -> BradleyTerry.strengths(wins))
        .hasMessage(
            "wins: expected a way along wins from each player to each, got none from 1 to 0");
  }
}
