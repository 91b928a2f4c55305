package io.github.p3o.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class RunMeansTest {

  @Test
  void halfWidthOfDifference_isWelchs() {
    RunMeans first = RunMeans.of(1.2, 0.7, 1.9);
    RunMeans second = RunMeans.of(0.1, 0.4, -0.2, 0.9);

    // scipy 1.17: ttest_ind(equal_var=False).confidence_interval()
    double difference = 0.9666666666666666;
    double low = -0.23420406319187403;
    assertThat(first.mean() - second.mean()).isCloseTo(difference, within(1e-12));
    assertThat(first.halfWidthOfDifference(second)).isCloseTo(difference - low, within(1e-9));
  }

  @Test
  void ofOneRun_nothingIsKnownOfItsError() {
    assertThat(RunMeans.of(3).halfWidth()).isNaN();
    assertThat(RunMeans.of(3).halfWidthOfDifference(RunMeans.of(1, 2))).isNaN();
  }
}
