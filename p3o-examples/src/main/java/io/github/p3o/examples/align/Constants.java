package io.github.p3o.examples.align;

import io.github.p3o.examples.run.UsageException;
import io.github.p3o.loss.KlShaping;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.loss.PpoConfig;
import io.github.p3o.loss.Preset;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The constants of an objective: those that were asked for, and its usual ones for the others. */
public final class Constants {

  private static final String KL_COEFFICIENT = "--kl-coefficient";
  private static final String CLIP_RANGE = "--clip-range";
  private static final String WEIGHT_CLIP = "--weight-clip";
  private static final String VALUE_COEFFICIENT = "--value-coefficient";
  private static final String GAE_LAMBDA = "--gae-lambda";

  private final @Nullable Preset preset;

  /** Asked for and not used yet. */
  private final Map<String, Double> given = new TreeMap<>();

  /** Null for what was not asked for. */
  public Constants(
      @Nullable Preset preset,
      @Nullable Double klCoefficient,
      @Nullable Double clipRange,
      @Nullable Double weightClip,
      @Nullable Double valueCoefficient,
      @Nullable Double gaeLambda) {
    this.preset = preset;
    put(KL_COEFFICIENT, klCoefficient);
    put(CLIP_RANGE, clipRange);
    put(WEIGHT_CLIP, weightClip);
    put(VALUE_COEFFICIENT, valueCoefficient);
    put(GAE_LAMBDA, gaeLambda);
  }

  /** Nothing asked for. */
  static Constants usual() {
    return new Constants(null, null, null, null, null, null);
  }

  private void put(String option, @Nullable Double value) {
    if (value != null) {
      given.put(option, value);
    }
  }

  private double take(String option, double usual) {
    Double value = given.remove(option);
    return value == null ? usual : value;
  }

  double klCoefficient(double usual) {
    return take(KL_COEFFICIENT, usual);
  }

  double clipRange() {
    return take(CLIP_RANGE, 0.2);
  }

  /** The KL of the policy that sampled. */
  KlShaping klShaping() {
    return KlShaping.rollout(klCoefficient(0.05));
  }

  /** P3O, by a preset if there is one. */
  P3OLoss p3o(P3OLoss.Form form) {
    P3OLoss usual =
        preset != null ? preset.loss(form) : form == P3OLoss.Form.V1 ? P3OLoss.v1() : P3OLoss.v2();
    KlShaping kl = usual.klShaping();
    return usual
        .withKlShaping(new KlShaping(klCoefficient(kl.coefficient()), kl.placement()))
        .withClipRange(clipRange())
        .withWeightClip(take(WEIGHT_CLIP, 10));
  }

  /** PPO on tokens. */
  PpoConfig ppo() {
    PpoConfig usual = new PpoConfig();
    return usual
        .withKlCoefficient(klCoefficient(usual.klCoefficient()))
        .withClipRanges(clipRange(), usual.valueClipRange())
        .withValueCoefficient(take(VALUE_COEFFICIENT, usual.valueCoefficient()))
        .withDiscounts(usual.gamma(), take(GAE_LAMBDA, usual.lambda()));
  }

  /** Refuses what the objective did not ask for. */
  void checkAllUsed(String objective) {
    given.forEach(
        (option, value) -> {
          throw new UsageException(
              option
                  + ": expected with an objective that has it, got "
                  + value
                  + " with "
                  + objective);
        });
  }
}
