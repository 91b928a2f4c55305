package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Multimaps;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.math3.stat.regression.SimpleRegression;

/**
 * How much reward methods get for how much KL: checkpoints of several runs of each method, each
 * measured as one {@link Point}. A run's checkpoints, in the order of their KL and joined by lines
 * over √KL, are its curve, so that runs can be compared at the same KL although none stopped
 * exactly there.
 *
 * <p>Errors are over the runs of a method, that is over seeds; the held-out prompts are the same
 * for all, and another set of prompts may give other numbers.
 */
public final class KlRewardFrontier {

  /** Of every interval. */
  static final double CONFIDENCE = 0.95;

  private final ImmutableList<Point> points;
  private final Kl kl;
  private final ImmutableMap<String, ImmutableList<RewardCurve>> curves;

  /** Which estimate of KL(π‖π_ref) is the abscissa. */
  public enum Kl {
    /** {@link Point#k1}. */
    K1,
    /** {@link Point#k3}. */
    K3,
    /** {@link Point#exact}. */
    EXACT
  }

  /** What rewards are fitted to. */
  public enum Abscissa {
    /** KL. */
    KL,
    /** √KL, as in Gao et al., arXiv 2210.10760; of an estimate below 0, 0. */
    SQRT_KL
  }

  /**
   * A checkpoint of a run: means over the same held-out responses.
   *
   * @param method by what it was trained
   * @param seed of the run
   * @param step of the run, from 0
   * @param reward mean reward
   * @param k1 mean of log π − log π_ref, nats a response
   * @param k3 mean of the sum over tokens of exp(−u) − 1 + u, nats a response; NaN if not measured
   * @param exact KL by summing over every response, nats a response; NaN if not known
   */
  public record Point(
      String method, long seed, long step, double reward, double k1, double k3, double exact) {

    /** Checks that reward and k1 are finite. */
    public Point {
      checkArgument(Double.isFinite(reward), "reward: expected a finite number, got %s", reward);
      checkArgument(Double.isFinite(k1), "k1: expected a finite number, got %s", k1);
    }

    /**
     * Means of what a probe has measured.
     *
     * @param method by what it was trained
     * @param seed of the run
     * @param step of the run
     * @param measured of the policy at that step
     * @return the point
     */
    public static Point of(
        String method, long seed, long step, FrontierProbe.Measurement measured) {
      return new Point(
          method,
          seed,
          step,
          measured.rewards().stream().average().orElseThrow(),
          measured.k1().stream().average().orElseThrow(),
          measured.k3().stream().average().orElseThrow(),
          measured.exactKl().orElse(Double.NaN));
    }

    double of(Kl estimate) {
      return switch (estimate) {
        case K1 -> k1;
        case K3 -> k3;
        case EXACT -> exact;
      };
    }
  }

  /**
   * The mean reward of a method's runs at one KL, and its 95 % interval: Student's t over the runs.
   *
   * @param kl nats
   * @param mean of the runs' curves
   * @param low lower end, NaN for a single run
   * @param high upper end, NaN for a single run
   */
  public record Band(double kl, double mean, double low, double high) {}

  /**
   * The line reward = intercept + slope · x by least squares through all checkpoints of a method.
   *
   * @param intercept reward at x = 0
   * @param slope reward per nat, or per √nat
   * @param rSquared share of the reward's variance that the line explains
   */
  public record Fit(double intercept, double slope, double rSquared) {}

  /**
   * Two methods over the KL that all their runs have passed: each run's mean reward over that
   * range, which is the area under its curve by the width, is one number, and the two methods'
   * numbers are compared.
   *
   * @param first a method
   * @param second another
   * @param fromKl where the common range begins, nats
   * @param toKl where it ends, nats
   * @param difference mean reward over the range, the first's less the second's
   * @param low lower end of its 95 % interval, by Welch's t
   * @param high upper end
   * @param pValue that runs which do not depend on the method differ at least so much: the share of
   *     all ways to call as many of the runs the first method's, exact up to 200,000 ways
   * @param smallestPValue the smallest that so few runs can give
   * @param adjustedPValue by Holm's method, for all the comparisons that were made together
   */
  public record Dominance(
      String first,
      String second,
      double fromKl,
      double toKl,
      double difference,
      double low,
      double high,
      double pValue,
      double smallestPValue,
      double adjustedPValue) {

    private Dominance adjusted(double adjusted) {
      return new Dominance(
          first, second, fromKl, toKl, difference, low, high, pValue, smallestPValue, adjusted);
    }
  }

  private KlRewardFrontier(
      ImmutableList<Point> points, Kl kl, ImmutableMap<String, ImmutableList<RewardCurve>> curves) {
    this.points = points;
    this.kl = kl;
    this.curves = curves;
  }

  /**
   * A frontier.
   *
   * @param points at least two checkpoints of every run, at different KL
   * @param kl which estimate to go by
   * @return the frontier; methods are in the order in which they first occur
   * @throws IllegalArgumentException for no points, a run of one KL only, or an estimate that was
   *     not measured
   */
  public static KlRewardFrontier of(List<Point> points, Kl kl) {
    checkArgument(!points.isEmpty(), "points: expected at least one, got none");
    for (Point point : points) {
      checkArgument(
          Double.isFinite(point.of(kl)), "points: expected a finite %s, got %s", kl, point);
    }
    ImmutableMap.Builder<String, ImmutableList<RewardCurve>> curves = ImmutableMap.builder();
    ImmutableListMultimap<String, Point> byMethod = Multimaps.index(points, Point::method);
    for (String method : byMethod.keySet()) {
      curves.put(
          method,
          Multimaps.index(byMethod.get(method), Point::seed).asMap().values().stream()
              .map(run -> RewardCurve.of(run, kl))
              .collect(ImmutableList.toImmutableList()));
    }
    return new KlRewardFrontier(ImmutableList.copyOf(points), kl, curves.buildOrThrow());
  }

  /**
   * The methods.
   *
   * @return in the order in which they first occurred
   */
  public ImmutableSet<String> methods() {
    return curves.keySet();
  }

  /**
   * All checkpoints.
   *
   * @return as they were given
   */
  public ImmutableList<Point> points() {
    return points;
  }

  private ImmutableList<RewardCurve> runs(String method) {
    ImmutableList<RewardCurve> runs = curves.get(method);
    if (runs == null) {
      throw new IllegalArgumentException(
          "method: expected one of " + methods() + ", got " + method);
    }
    return runs;
  }

  /**
   * Mean reward and its interval at evenly spaced KL, over the range that all runs of a method have
   * passed.
   *
   * @param method one of {@link #methods}
   * @param count how many, at least 2
   * @return the band from left to right; empty if the runs have no range in common
   * @throws IllegalArgumentException for an unknown method, or a count below 2
   */
  public ImmutableList<Band> band(String method, int count) {
    checkArgument(count >= 2, "count: expected at least 2, got %s", count);
    ImmutableList<RewardCurve> runs = runs(method);
    RewardCurve.Range range = RewardCurve.common(runs);
    if (range.isEmpty()) {
      return ImmutableList.of();
    }
    ImmutableList.Builder<Band> band = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      band.add(band(runs, range.from() + (range.to() - range.from()) * i / (count - 1)));
    }
    return band.build();
  }

  /**
   * Mean reward and its interval at one KL.
   *
   * @param method one of {@link #methods}
   * @param kl nats
   * @return the mean of the method's runs; NaN unless all of them have passed this KL
   * @throws IllegalArgumentException for an unknown method
   */
  public Band at(String method, double kl) {
    RewardCurve.Range range = RewardCurve.common(runs(method));
    return range.from() <= kl && kl <= range.to()
        ? band(runs(method), kl)
        : new Band(kl, Double.NaN, Double.NaN, Double.NaN);
  }

  private static Band band(ImmutableList<RewardCurve> runs, double kl) {
    RunMeans rewards = RunMeans.of(runs.stream().mapToDouble(run -> run.at(kl)).toArray());
    double half = rewards.halfWidth();
    return new Band(kl, rewards.mean(), rewards.mean() - half, rewards.mean() + half);
  }

  /**
   * A line through all checkpoints of a method. They are not independent of each other: R² says how
   * straight the frontier is, not how certain.
   *
   * @param method one of {@link #methods}
   * @param abscissa of the line
   * @return the line; NaN for fewer than two different abscissas
   * @throws IllegalArgumentException for an unknown method
   */
  public Fit fit(String method, Abscissa abscissa) {
    checkArgument(
        curves.containsKey(method), "method: expected one of %s, got %s", methods(), method);
    SimpleRegression line = new SimpleRegression();
    for (Point point : points) {
      if (point.method().equals(method)) {
        double x = point.of(kl);
        line.addData(abscissa == Abscissa.KL ? x : Math.sqrt(Math.max(0, x)), point.reward());
      }
    }
    return new Fit(line.getIntercept(), line.getSlope(), line.getRSquare());
  }

  /**
   * Compares two methods.
   *
   * @param first one of {@link #methods}
   * @param second another
   * @return the difference over the range of KL that all runs of both have passed
   * @throws IllegalArgumentException for an unknown method, or if there is no such range
   */
  public Dominance compare(String first, String second) {
    ImmutableList<RewardCurve> both =
        ImmutableList.<RewardCurve>builder().addAll(runs(first)).addAll(runs(second)).build();
    RewardCurve.Range range = RewardCurve.common(both);
    checkArgument(
        !range.isEmpty(),
        "first, second: expected runs of %s and %s that have passed the same KL, got from %s on"
            + " and up to %s",
        first,
        second,
        range.from(),
        range.to());
    double[] means = both.stream().mapToDouble(run -> run.mean(range)).toArray();
    int split = runs(first).size();
    RunMeans ofFirst = RunMeans.of(Arrays.copyOf(means, split));
    RunMeans ofSecond = RunMeans.of(Arrays.copyOfRange(means, split, means.length));
    double difference = ofFirst.mean() - ofSecond.mean();
    double half = ofFirst.halfWidthOfDifference(ofSecond);
    PermutationTest test = PermutationTest.of(means, split);
    return new Dominance(
        first,
        second,
        range.from(),
        range.to(),
        difference,
        difference - half,
        difference + half,
        test.pValue(),
        test.smallest(),
        test.pValue());
  }

  /**
   * Compares every two methods, and adjusts for there being several comparisons (Holm, 1979).
   *
   * @return each pair once, the earlier method first; pairs without a common range are left out
   */
  public ImmutableList<Dominance> comparisons() {
    ImmutableList<String> names = methods().asList();
    ImmutableList.Builder<Dominance> all = ImmutableList.builder();
    for (int i = 0; i < names.size(); i++) {
      for (int j = i + 1; j < names.size(); j++) {
        ImmutableList<RewardCurve> both =
            ImmutableList.<RewardCurve>builder()
                .addAll(runs(names.get(i)))
                .addAll(runs(names.get(j)))
                .build();
        if (!RewardCurve.common(both).isEmpty()) {
          all.add(compare(names.get(i), names.get(j)));
        }
      }
    }
    return holm(all.build());
  }

  private static ImmutableList<Dominance> holm(ImmutableList<Dominance> all) {
    double[] adjusted = PermutationTest.holm(all.stream().mapToDouble(Dominance::pValue).toArray());
    ImmutableList.Builder<Dominance> result = ImmutableList.builder();
    for (int i = 0; i < adjusted.length; i++) {
      result.add(all.get(i).adjusted(adjusted[i]));
    }
    return result.build();
  }

  /**
   * The checkpoints as CSV.
   *
   * @return a header, and a line for each point; what was not measured is empty
   */
  public String csv() {
    StringBuilder csv = new StringBuilder("method,seed,step,reward,kl_k1,kl_k3,kl_exact\n");
    for (Point point : points) {
      csv.append(quoted(point.method()))
          .append(',')
          .append(point.seed())
          .append(',')
          .append(point.step());
      for (double value : new double[] {point.reward(), point.k1(), point.k3(), point.exact()}) {
        csv.append(',').append(Double.isNaN(value) ? "" : String.valueOf(value));
      }
      csv.append('\n');
    }
    return csv.toString();
  }

  private static String quoted(String text) {
    return text.matches("[^,\"\r\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
  }

  /**
   * Everything as JSON: {@code kl, points, bands, fits, comparisons}; what is not known is null.
   *
   * @param bandCount how many points each band has, at least 2
   * @return an object
   * @throws IllegalArgumentException for a count below 2
   */
  public String json(int bandCount) {
    return FrontierJson.of(this, kl, bandCount);
  }
}
