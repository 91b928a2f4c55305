package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.PolicyLossGraph;
import io.github.p3o.internal.Whole;
import io.github.p3o.loss.PairwisePolicyGradientLoss.Correction;
import io.github.p3o.transformer.DecoderConfig;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Objectives to test, each with its reference, and batches to test them on. */
final class Cases {

  /**
   * An objective and the same one in plain Java.
   *
   * @param settings what is not the default, for the names of tests
   */
  record Objective(PairwiseLoss loss, PairReference reference, String settings) {
    @Override
    public String toString() {
      return loss.name() + " " + settings;
    }
  }

  /**
   * A batch of numbers and where the policy is now.
   *
   * @param batch old and reference log-probabilities, rewards
   * @param now log π_θ {@code [k, groups]}
   */
  record Case(PairwiseBatch batch, LogProbs now) {

    Evaluation evaluate(PolicyLoss loss) {
      return EVALUATORS.computeIfAbsent(loss, LossEvaluator::new).evaluate(batch, now);
    }

    /** The same with other rewards. */
    Case withRewards(Rewards rewards) {
      return new Case(
          PairwiseBatch.ofNumbers(batch.oldLogProbs(), batch.referenceLogProbs(), rewards), now);
    }

    Case select(int... groups) {
      return new Case(batch.select(groups), now.select(groups));
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "k %s now %s old %s reference %s rewards %s",
          now.responses(),
          now.values(),
          batch.oldLogProbs().values(),
          batch.referenceLogProbs().values(),
          batch.rewards().values());
    }
  }

  /** A small decoder of 9 tokens, of which 1 begins and 2 ends. */
  static final DecoderConfig DECODER =
      DecoderConfig.llama(
          9, 16, 24, 2, 4, 2, 24, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.of(2));

  /** Graphs take longer to build than to run: every test that uses an objective shares its own. */
  private static final IdentityHashMap<PolicyLoss, LossEvaluator> EVALUATORS =
      new IdentityHashMap<>();

  private Cases() {}

  /** The name of log π_θ in a {@link #graph}. */
  static final String NOW = "now";

  /** The name of the mean loss in a {@link #graph}. */
  static final String LOSS = MeanLoss.LOSS;

  /** The graph of an objective on plain numbers. */
  static SameDiff graph(PolicyLoss objective, Case of) {
    SameDiff graph = SameDiff.create();
    int k = of.now().responses();
    int groups = of.now().groups();
    SDVariable now = graph.placeHolder(NOW, DataType.DOUBLE, (long) k * groups);
    MeanLoss.addTo(PolicyLossGraph.build(objective, now, k, groups));
    return graph;
  }

  /** What its placeholders hold for a part of a case; the mean is over the whole. */
  static Map<String, INDArray> feed(Case part, Case whole) {
    Map<String, INDArray> feed =
        new LinkedHashMap<>(
            PolicyLossGraph.feed(part.batch(), Whole.of(whole.batch(), whole.batch().groups())));
    feed.putAll(new MeanLoss(whole.batch().groups()).feed());
    feed.put(NOW, Nd4j.createFromArray(part.now().values().toArray()));
    return feed;
  }

  static Objective v1(double epsilon, double c, KlShaping shaping) {
    return new Objective(
        P3OLoss.v1().withClipRange(epsilon).withWeightClip(c).withKlShaping(shaping),
        PairReference.v1(epsilon, c, shaping),
        "ε " + epsilon + " c " + c + " " + shaping);
  }

  static Objective v2(double epsilon, double c, KlShaping shaping) {
    return new Objective(
        P3OLoss.v2().withClipRange(epsilon).withWeightClip(c).withKlShaping(shaping),
        PairReference.v2(epsilon, c, shaping),
        "ε " + epsilon + " c " + c + " " + shaping);
  }

  static Objective ppg(Correction correction, KlShaping shaping) {
    return new Objective(
        new PairwisePolicyGradientLoss(correction, shaping),
        PairReference.ppg(correction, shaping),
        shaping.toString());
  }

  static Objective dpo(double beta) {
    return new Objective(new OnlineDpoLoss(beta), PairReference.dpo(beta), "β " + beta);
  }

  /** All objectives, with a KL term. */
  static ImmutableList<Objective> objectives(KlShaping shaping) {
    return ImmutableList.of(
        v1(0.2, 10, shaping),
        v2(0.2, 10, shaping),
        ppg(Correction.NONE, shaping),
        ppg(Correction.IMPORTANCE_SAMPLING, shaping),
        dpo(0.1));
  }

  /** Every objective on sampled responses as it comes, those that see rewards included. */
  static ImmutableList<PolicyLoss> losses() {
    return ImmutableList.of(
        P3OLoss.v1(),
        P3OLoss.v2(),
        PairwisePolicyGradientLoss.onPolicy(),
        PairwisePolicyGradientLoss.importanceSampled(),
        new OnlineDpoLoss(),
        new LeaveOneOutLoss(),
        new PolicyGradientLoss(),
        new PpoLoss());
  }

  /** All objectives in many settings. */
  static ImmutableList<Objective> variants() {
    double infinity = Double.POSITIVE_INFINITY;
    return ImmutableList.<Objective>builder()
        .addAll(objectives(KlShaping.rollout(0.05)))
        .addAll(objectives(KlShaping.rollout(0)))
        .addAll(objectives(KlShaping.current(0.3)))
        .add(v1(0.05, 2, KlShaping.current(0.05)))
        .add(v1(1.5, 1, KlShaping.rollout(0.05)))
        .add(v1(infinity, infinity, KlShaping.rollout(0.05)))
        .add(v1(0.2, infinity, KlShaping.rollout(0.05)))
        .add(v2(0.05, 2, KlShaping.current(0.05)))
        .add(v2(1.5, 1, KlShaping.rollout(0.05)))
        .add(v2(infinity, infinity, KlShaping.rollout(0.05)))
        .add(v2(0.2, infinity, KlShaping.rollout(0.05)))
        .add(dpo(2))
        .build();
  }

  /** A random case: log-ratios within ±spread, rewards within ±5. */
  static Case random(long seed, int k, int groups, double spread) {
    Random random = new Random(seed);
    double[] old = random.doubles((long) k * groups, -60, -1).toArray();
    return of(
        k,
        old,
        Arrays.stream(old).map(o -> o + random.nextDouble(-spread, spread)).toArray(),
        Arrays.stream(old).map(o -> o + random.nextDouble(-3, 3)).toArray(),
        random.doubles((long) k * groups, -5, 5).toArray());
  }

  static Case of(int k, double[] old, double[] now, double[] reference, double[] rewards) {
    return new Case(
        PairwiseBatch.ofNumbers(
            LogProbs.ofFlat(k, old), LogProbs.ofFlat(k, reference), Rewards.ofFlat(k, rewards)),
        LogProbs.ofFlat(k, now));
  }

  /**
   * Random cases of 1 or 4 pairs, or of 2 prompts with 3 responses. Their numbers are multiples of
   * 2⁻⁸ below 2⁸, so that sums and differences are exact; log-ratios within ±3.
   */
  static Arbitrary<Case> cases() {
    return Arbitraries.oneOf(List.of(dyadicCases(2, 1), dyadicCases(2, 4), dyadicCases(3, 2)));
  }

  private static Arbitrary<Case> dyadicCases(int k, int groups) {
    return Combinators.combine(
            dyadics(-16384, -256, k * groups),
            dyadics(-768, 768, k * groups),
            dyadics(-768, 768, k * groups),
            dyadics(-1024, 1024, k * groups))
        .as((old, moved, apart, r) -> of(k, old, sum(old, moved), sum(old, apart), r));
  }

  private static Arbitrary<double[]> dyadics(int min, int max, int size) {
    return Arbitraries.integers()
        .between(min, max)
        .map(i -> i / 256.0)
        .list()
        .ofSize(size)
        .map(list -> list.stream().mapToDouble(d -> d).toArray());
  }

  private static double[] sum(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] + b[i]).toArray();
  }
}
