package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.train.Comparison;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * Comparisons of a policy's own responses, labelled as noisy people would: by Bradley–Terry, the
 * first is chosen with probability σ(scale · (gold₁ − gold₂)).
 *
 * @param training to fit a reward model to
 * @param heldOut of other prompts, to measure it on
 * @param best the accuracy on the held-out ones that knowing gold itself would have: labels are
 *     noise beyond that
 */
record Labels(
    ImmutableList<Comparison> training, ImmutableList<Comparison> heldOut, Estimate best) {

  /** Comparisons on both sides. */
  int size() {
    return training.size() + heldOut.size();
  }

  /**
   * Labels samples.
   *
   * @param samples two responses to each prompt
   * @param gold the known preference
   * @param scale how decided the labels are: nats for a difference of 1 in gold
   * @param codec of the policy
   * @param heldOutShare of the prompts, all comparisons of one on the same side
   * @param random the noise of the labels and the split
   */
  static Labels of(
      Samples samples,
      Gold gold,
      double scale,
      TextCodec codec,
      double heldOutShare,
      RandomGenerator random) {
    ImmutableList.Builder<Comparison> training = ImmutableList.builder();
    ImmutableList.Builder<Comparison> heldOut = ImmutableList.builder();
    Map<Prompt, Boolean> sides = new HashMap<>();
    int n = samples.prompts().size();
    double[] best = new double[n];
    int held = 0;
    for (int i = 0; i < n; i++) {
      Prompt prompt = samples.prompts().get(i);
      Response first = samples.responses().get(i);
      Response second = samples.responses().get(n + i);
      double lead =
          scale * (gold.score(codec.text(prompt, first)) - gold.score(codec.text(prompt, second)));
      boolean firstChosen = random.nextDouble() < 1 / (1 + Math.exp(-lead));
      Comparison comparison =
          firstChosen
              ? new Comparison(prompt, first, second)
              : new Comparison(prompt, second, first);
      if (sides.computeIfAbsent(prompt, p -> random.nextDouble() < heldOutShare)) {
        heldOut.add(comparison);
        best[held++] = 1 / (1 + Math.exp(-Math.abs(lead)));
      } else {
        training.add(comparison);
      }
    }
    return new Labels(training.build(), heldOut.build(), Estimate.of(Arrays.copyOf(best, held)));
  }
}
