package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.LogProbs;
import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

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
    double terms = (0.5 - 1 + ln2) + 2 * 0 + 0.5 * (2 - 1 - ln2) + (0.25 - 1 + 2 * ln2);
    assertThat(kl).isCloseTo(terms / 4.5, within(1e-15));
  }

  @Property(tries = 200)
  void of_anyNumbers_isFiniteAndNotNegative(
      @ForAll @Size(12) double @DoubleRange(min = -1e4, max = 0) [] logProbs) {
    double[] now = Arrays.copyOf(logProbs, 4);
    double kl =
        ImportanceKl.of(
            now,
            LogProbs.ofFlat(2, IntStream.range(4, 8).mapToDouble(i -> logProbs[i]).toArray()),
            LogProbs.ofFlat(2, IntStream.range(8, 12).mapToDouble(i -> logProbs[i]).toArray()));
    assertThat(kl).isFinite().isNotNegative();
  }
}
