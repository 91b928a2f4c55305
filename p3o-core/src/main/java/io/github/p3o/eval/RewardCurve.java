package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * The reward of one run as a function of KL: its checkpoints in the order of their KL, joined by
 * lines over √KL, along which reward rises nearly straight (Gao et al., arXiv 2210.10760), so that
 * few checkpoints on the first nats put no run below its curve; of an estimate below 0, −√|KL|.
 * Checkpoints of the same KL count as one, with their mean reward.
 *
 * @param kl nats, rising
 * @param rewards at each
 */
record RewardCurve(ImmutableDoubleArray kl, ImmutableDoubleArray rewards) {

  /**
   * From one KL to another; empty unless the first is the smaller.
   *
   * @param from nats
   * @param to nats
   */
  record Range(double from, double to) {

    boolean isEmpty() {
      return !(from < to);
    }
  }

  static RewardCurve of(Collection<KlRewardFrontier.Point> run, KlRewardFrontier.Kl estimate) {
    List<KlRewardFrontier.Point> sorted =
        run.stream()
            .sorted(
                Comparator.comparingDouble((KlRewardFrontier.Point point) -> point.of(estimate)))
            .toList();
    ImmutableDoubleArray.Builder kl = ImmutableDoubleArray.builder();
    ImmutableDoubleArray.Builder rewards = ImmutableDoubleArray.builder();
    for (int i = 0; i < sorted.size(); ) {
      double at = sorted.get(i).of(estimate);
      double sum = 0;
      int from = i;
      for (; i < sorted.size() && sorted.get(i).of(estimate) == at; i++) {
        sum += sorted.get(i).reward();
      }
      kl.add(at);
      rewards.add(sum / (i - from));
    }
    RewardCurve curve = new RewardCurve(kl.build(), rewards.build());
    checkArgument(
        curve.kl.length() >= 2,
        "points: expected checkpoints of different KL in every run, got %s",
        sorted);
    return curve;
  }

  /** What all of these curves have passed. */
  static Range common(Collection<RewardCurve> curves) {
    return new Range(
        curves.stream().mapToDouble(curve -> curve.kl.get(0)).max().orElseThrow(),
        curves.stream()
            .mapToDouble(curve -> curve.kl.get(curve.kl.length() - 1))
            .min()
            .orElseThrow());
  }

  /** The reward at a KL within the curve. */
  double at(double x) {
    return atRoot(root(x));
  }

  private double atRoot(double x) {
    int right = 1;
    while (right < kl.length() - 1 && root(kl.get(right)) < x) {
      right++;
    }
    double left = root(kl.get(right - 1));
    double share = (x - left) / (root(kl.get(right)) - left);
    return rewards.get(right - 1) + share * (rewards.get(right) - rewards.get(right - 1));
  }

  private static double root(double x) {
    return Math.copySign(Math.sqrt(Math.abs(x)), x);
  }

  /** The mean of {@link #root} between two different KL. */
  private static double meanRoot(double from, double to) {
    return (Math.pow(Math.abs(to), 1.5) - Math.pow(Math.abs(from), 1.5)) / (1.5 * (to - from));
  }

  /** The mean reward over a range within the curve: the area under it by its width. */
  double mean(Range range) {
    double area = 0;
    double before = range.from();
    for (int i = 0; i <= kl.length(); i++) {
      double next = i == kl.length() ? range.to() : Math.min(kl.get(i), range.to());
      if (next > before) {
        area += (next - before) * atRoot(meanRoot(before, next)); // a line over the root
        before = next;
      }
    }
    return area / (range.to() - range.from());
  }
}
