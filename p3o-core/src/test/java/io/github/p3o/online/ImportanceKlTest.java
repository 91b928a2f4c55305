package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Doubles;
import io.github.p3o.LogProbs;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.apache.commons.math3.stat.descriptive.rank.Percentile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImportanceKlTest {

  private static final double[] POLICY = {0.1, 0.2, 0.3, 0.4};
  private static final double[] REFERENCE = {0.4, 0.3, 0.2, 0.1};

  private static double[] logs(double[] probabilities, int[] choices) {
    return Arrays.stream(choices).mapToDouble(y -> Math.log(probabilities[y])).toArray();
  }

  private static double kl(double[] old, int[] choices) {
    return ImportanceKl.of(
        logs(POLICY, choices),
        LogProbs.ofFlat(2, logs(old, choices)),
        LogProbs.ofFlat(2, logs(REFERENCE, choices)));
  }

  /**
   * Each choice as often as the policy that sampled draws it: the mean is then an expectation. The
   * golden value is Σ π log(π/π_ref) in Python: sum(p * math.log(p / q) for p, q in zip(...)).
   */
  @Test
  void of_choicesAsOftenAsTheyAreDrawn_isTheExactKlWhoeverDrewThem() {
    double golden = 0.4564348191467835;
    double uniform = kl(new double[] {0.25, 0.25, 0.25, 0.25}, new int[] {0, 1, 2, 3});
    assertThat(uniform).isCloseTo(golden, within(1e-14));
    double skew = kl(new double[] {0.5, 0.25, 0.125, 0.125}, new int[] {0, 0, 0, 0, 1, 1, 2, 3});
    assertThat(skew).isCloseTo(golden, within(1e-14));
  }

  /** Four responses by hand: w = 1, 2, ½, 1 and d = ln 2, 0, −ln 2, ln 4. */
  @Test
  void of_fewResponses_isTheWeightedMeanOfItsTerms() {
    double ln2 = Math.log(2);
    double[] now = {0, ln2, -ln2, 0};
    double kl =
        ImportanceKl.of(
            now,
            LogProbs.ofFlat(2, new double[] {0, 0, 0, 0}),
            LogProbs.ofFlat(2, new double[] {-ln2, ln2, 0, -2 * ln2}));
    assertThat(kl).isCloseTo((ln2 + 2 * 0 - 0.5 * ln2 + 2 * ln2) / 4.5, within(1e-15));
  }

  /** Of 24 tokens with two choices each, 64 responses a batch: 3.7, 10.7 and 21.3 nats. */
  @ParameterizedTest
  @CsvSource({"0.3, 0.3", "0.47, 0.47", "0.47, 0.42", "0.65, 0.65"})
  void of_responsesOfSeveralNats_liesAroundTheTrueKl(double rare, double rareOfOld) {
    int tokens = 24;
    double rareOfReference = 0.1;
    double common = 1 - rare;
    double d = Math.log(rare / rareOfReference);
    double dOfOthers = Math.log(common / (1 - rareOfReference));
    double exact = tokens * (rare * d + common * dOfOthers);
    SplittableRandom random = new SplittableRandom(7);
    double[] kls = new double[1000];
    for (int batch = 0; batch < kls.length; batch++) {
      int[] counts =
          IntStream.range(0, 64)
              .map(i -> (int) random.doubles(tokens).filter(u -> u < rareOfOld).count())
              .toArray();
      kls[batch] =
          ImportanceKl.of(
              logs(counts, tokens, rare),
              LogProbs.ofFlat(2, logs(counts, tokens, rareOfOld)),
              LogProbs.ofFlat(2, logs(counts, tokens, rareOfReference)));
    }
    Percentile percentile = new Percentile();
    percentile.setData(kls);
    assertThat(percentile.evaluate(50)).isCloseTo(exact, within(0.15));
    assertThat(percentile.evaluate(99)).isLessThan(exact + 2.5);
    assertThat(percentile.evaluate(1)).isGreaterThan(exact - 2.5);
  }

  /** log π of responses in which the first choice was taken so often. */
  private static double[] logs(int[] counts, int tokens, double p) {
    return Arrays.stream(counts)
        .mapToDouble(n -> n * Math.log(p) + (tokens - n) * Math.log(1 - p))
        .toArray();
  }

  @Property(tries = 200)
  void of_anyNumbers_isFinite(
      @ForAll @Size(12) List<@DoubleRange(min = -1e4, max = 0) Double> logProbs) {
    double kl =
        ImportanceKl.of(
            Doubles.toArray(logProbs.subList(0, 4)),
            LogProbs.ofFlat(2, Doubles.toArray(logProbs.subList(4, 8))),
            LogProbs.ofFlat(2, Doubles.toArray(logProbs.subList(8, 12))));
    assertThat(kl).isFinite();
  }
}
