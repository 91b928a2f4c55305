package io.github.p3o.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.p3o.Evaluation;
import io.github.p3o.loss.Cases.Case;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * P3O against the code that its first author published, differentiated as PyTorch differentiates
 * it: the loss is the greater of two negated branches; where the two are equal each gets half of
 * the gradient, and a clamp passes all of it on its bounds. On a grid that holds ties (Δ = 0) and
 * both bounds of every clip to the bit.
 */
class PublishedFormTest {

  private static final double TOLERANCE = 1e-10;
  private static final double EPSILON_UP = 0.25;

  /** A number and its derivatives by s₁ and s₂. */
  private record Dual(double value, double by1, double by2) {

    static Dual constant(double value) {
      return new Dual(value, 0, 0);
    }

    Dual plus(Dual other) {
      return new Dual(value + other.value, by1 + other.by1, by2 + other.by2);
    }

    Dual times(double factor) {
      return new Dual(factor * value, factor * by1, factor * by2);
    }

    Dual exp() {
      double e = Math.exp(value);
      return new Dual(e, e * by1, e * by2);
    }

    Dual clamp(double low, double high) {
      return value < low ? constant(low) : value > high ? constant(high) : this;
    }

    static Dual max(Dual a, Dual b) {
      return a.value == b.value ? a.plus(b).times(0.5) : a.value > b.value ? a : b;
    }
  }

  /** Log-ratios of the responses, the reference's distance, and the reward difference. */
  private record Point(double moved1, double moved2, double reward) {

    static final double OLD_1 = -4;
    static final double OLD_2 = -5.5;
    static final double REFERENCE_1 = -4.75;
    static final double REFERENCE_2 = -5.25;

    double delta(KlShaping shaping) {
      boolean current = shaping.placement() == KlShaping.Placement.CURRENT;
      double kl1 = OLD_1 + (current ? moved1 : 0) - REFERENCE_1;
      double kl2 = OLD_2 + (current ? moved2 : 0) - REFERENCE_2;
      return reward - shaping.coefficient() * (kl1 - kl2);
    }

    Dual logRatio1() {
      return new Dual(moved1, 1, 0);
    }

    Dual logRatio2() {
      return new Dual(moved2, 0, 1);
    }
  }

  /** The published loss of V1; w is detached. */
  private static Dual v1(Point p, double delta, double epsilon, double c) {
    Dual rho1 = p.logRatio1().exp();
    Dual rho2 = p.logRatio2().exp();
    Dual first = branches(delta * rho2.clamp(1 / c, c).value(), rho1, 1 - epsilon, 1 + epsilon);
    Dual second = branches(-delta * rho1.clamp(1 / c, c).value(), rho2, 1 - epsilon, 1 + epsilon);
    return first.plus(second).times(0.5);
  }

  /** The published loss of V2, in differences of s − f; w is detached. */
  private static Dual v2(Point p, double delta, double epsilon, double c) {
    double w = p.logRatio1().plus(p.logRatio2()).exp().clamp(1 / c, c).value();
    double from = (Point.OLD_1 - Point.REFERENCE_1) - (Point.OLD_2 - Point.REFERENCE_2);
    Dual d = Dual.constant(from).plus(p.logRatio1()).plus(p.logRatio2().times(-1));
    return branches(delta * w, d, from - epsilon, from + epsilon).times(0.5);
  }

  private static Dual branches(double advantage, Dual x, double low, double high) {
    return Dual.max(x.times(-advantage), x.clamp(low, high).times(-advantage));
  }

  /** What ½ Δ w (f₁ − f₂) adds: the paper's V2 is in s₁ − s₂, the published one in s − f. */
  private static double offset(Point p, double delta, double c) {
    double w = p.logRatio1().plus(p.logRatio2()).exp().clamp(1 / c, c).value();
    return -delta * w * (Point.REFERENCE_1 - Point.REFERENCE_2) / 2;
  }

  /** Inside, on both bounds, just beyond them and far beyond. */
  private static List<Point> grid() {
    double[] moved = {0, 0.125, EPSILON_UP, -EPSILON_UP, 0.2500001, -0.2500001, 1.5, -1.5, 3, -3};
    List<Point> points = new ArrayList<>();
    for (double moved1 : moved) {
      for (double moved2 : moved) {
        for (double reward : new double[] {0, 2, -0.75}) {
          points.add(new Point(moved1, moved2, reward));
        }
      }
    }
    return points;
  }

  private static Case caseOf(List<Point> points) {
    int n = points.size();
    double[] old = new double[2 * n];
    Arrays.fill(old, 0, n, Point.OLD_1);
    Arrays.fill(old, n, 2 * n, Point.OLD_2);
    double[] reference = new double[2 * n];
    Arrays.fill(reference, 0, n, Point.REFERENCE_1);
    Arrays.fill(reference, n, 2 * n, Point.REFERENCE_2);
    double[] now = old.clone();
    double[] rewards = new double[2 * n];
    for (int g = 0; g < n; g++) {
      now[g] += points.get(g).moved1();
      now[n + g] += points.get(g).moved2();
      rewards[g] = points.get(g).reward();
    }
    return Cases.of(2, old, now, reference, rewards);
  }

  @FunctionalInterface
  private interface Form {
    Dual at(Point point, double delta, double epsilon, double c);
  }

  private static void assertPublished(P3OLoss loss, Form form, double epsilon, double c) {
    for (KlShaping shaping :
        List.of(KlShaping.rollout(0), KlShaping.rollout(0.0625), KlShaping.current(0.25))) {
      P3OLoss ours = loss.withClipRange(epsilon).withWeightClip(c).withKlShaping(shaping);
      List<Point> points = grid();
      Evaluation evaluation = caseOf(points).evaluate(ours);
      double sum = 0;
      for (int g = 0; g < points.size(); g++) {
        Point p = points.get(g);
        double delta = p.delta(shaping);
        Dual published = form.at(p, delta, epsilon, c);
        sum += published.value() + (loss.form() == P3OLoss.Form.V2 ? offset(p, delta, c) : 0);
        for (int i = 0; i < 2; i++) {
          assertThat(evaluation.gradient()[i][g] * points.size())
              .as("%s %s, by s%s", shaping, p, i + 1)
              .isCloseTo(i == 0 ? published.by1() : published.by2(), within(TOLERANCE));
        }
      }
      assertThat(evaluation.loss()).isCloseTo(sum / points.size(), within(TOLERANCE));
    }
  }

  private static double graphExp(double x) {
    return Transforms.exp(Nd4j.createFromArray(x)).getDouble(0);
  }

  @TestFactory
  Stream<DynamicTest> v1_onTheGrid_isThePublishedForm() {
    // 1 ± ε is e^±¼ to the bit, in turn; both sides must mean the same number by it
    assertThat(graphExp(EPSILON_UP)).isEqualTo(Math.exp(EPSILON_UP));
    assertThat(graphExp(-EPSILON_UP)).isEqualTo(Math.exp(-EPSILON_UP));
    return published(
        P3OLoss.v1(),
        PublishedFormTest::v1,
        Math.exp(EPSILON_UP) - 1,
        1 - Math.exp(-EPSILON_UP),
        0.2,
        1.5);
  }

  @TestFactory
  Stream<DynamicTest> v2_onTheGrid_isThePublishedFormButForAConstant() {
    return published(P3OLoss.v2(), PublishedFormTest::v2, EPSILON_UP, 0.125, 0.5, 3.0);
  }

  private static Stream<DynamicTest> published(P3OLoss loss, Form form, double... epsilons) {
    return Arrays.stream(epsilons)
        .boxed()
        .flatMap(
            epsilon ->
                DynamicTest.stream(
                    Stream.of(10.0, Math.exp(1.5), 1.0),
                    c -> "ε " + epsilon + " c " + c,
                    c -> assertPublished(loss, form, epsilon, c)));
  }
}
