package io.github.p3o.examples.supervised;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.text.TextCodec;
import io.github.p3o.train.Comparison;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.random.RandomGenerator;

/**
 * Comparisons, to fit a reward model to and to measure it on.
 *
 * @param training to fit it to
 * @param heldOut of other prompts, to measure it on
 * @param best the accuracy on the held-out ones of the known preference itself: beyond that, labels
 *     are noise. Of no values if the preference is not known
 */
public record Labels(List<Comparison> training, List<Comparison> heldOut, Estimate best) {

  /**
   * Labels as people would, noisily: by Bradley–Terry, the first of two responses is chosen with
   * probability σ(scale · (gold₁ − gold₂)).
   *
   * @param gold the known preference
   * @param scale how decided the labels are: nats for a difference of 1 in gold
   * @param codec of the policy that wrote the responses
   */
  public record Labeller(Gold gold, double scale, TextCodec codec) {

    /** By how many nats the first leads. */
    private double lead(Prompt prompt, Response first, Response second) {
      return scale
          * (gold.score(codec.text(prompt, first)) - gold.score(codec.text(prompt, second)));
    }
  }

  /**
   * Labels samples, and holds prompts out at random.
   *
   * @param samples two responses to each prompt
   * @param heldOutShare of the prompts, all comparisons of one on the same side
   * @param random the noise of the labels, and the split
   */
  public static Labels of(
      Samples samples, Labeller labeller, double heldOutShare, RandomGenerator random) {
    Map<Prompt, Boolean> sides = new HashMap<>();
    return of(
        samples,
        labeller,
        pair ->
            sides.computeIfAbsent(
                samples.prompts().get(pair), p -> random.nextDouble() < heldOutShare),
        random);
  }

  /**
   * Labels samples.
   *
   * @param samples two responses to each prompt
   * @param heldOut whether the pair of an index is held out
   * @param random the noise of the labels
   */
  static Labels of(
      Samples samples, Labeller labeller, IntPredicate heldOut, RandomGenerator random) {
    ImmutableList.Builder<Comparison> training = ImmutableList.builder();
    ImmutableList.Builder<Comparison> measured = ImmutableList.builder();
    ImmutableDoubleArray.Builder best = ImmutableDoubleArray.builder();
    int pairs = samples.prompts().size();
    for (int i = 0; i < pairs; i++) {
      Prompt prompt = samples.prompts().get(i);
      Response first = samples.responses().get(i);
      Response second = samples.responses().get(pairs + i);
      double lead = labeller.lead(prompt, first, second);
      Comparison comparison =
          random.nextDouble() < sigmoid(lead)
              ? new Comparison(prompt, first, second)
              : new Comparison(prompt, second, first);
      if (heldOut.test(i)) {
        measured.add(comparison);
        best.add(sigmoid(Math.abs(lead)));
      } else {
        training.add(comparison);
      }
    }
    return new Labels(training.build(), measured.build(), Estimate.of(best.build().toArray()));
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /**
   * The simplest rival of a reward model: how often the longer held-out response is the chosen one;
   * equal lengths are right half the time.
   */
  Estimate accuracyOfLength() {
    return Estimate.of(
        heldOut.stream()
            .mapToDouble(
                c -> (1 + Math.signum((double) c.chosen().length() - c.rejected().length())) / 2)
            .toArray());
  }

  /** Comparisons on both sides. */
  public int size() {
    return training.size() + heldOut.size();
  }
}
