package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PreferenceLoss;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * The negative log-likelihood of comparisons under Bradley–Terry (Biometrika 39, 1952): {@code −ln
 * σ(r_w − r_l − margin) + center · (r_w + r_l)²}. The centering term keeps the scores near 0, where
 * the likelihood leaves their sum free.
 *
 * @param margin by how much the preferred response shall lead, ≥ 0
 * @param center weight of the centering term, ≥ 0; the field's usual value is 0.01
 */
public record BradleyTerryLoss(double margin, double center) implements PreferenceLoss {

  /** Checks the constants. */
  public BradleyTerryLoss {
    checkArgument(
        margin >= 0 && Double.isFinite(margin),
        "margin: expected a finite number >= 0, got %s",
        margin);
    checkArgument(
        center >= 0 && Double.isFinite(center),
        "center: expected a finite number >= 0, got %s",
        center);
  }

  /** No margin, and centering 0.01. */
  public BradleyTerryLoss() {
    this(0, 0.01);
  }

  @Override
  public String name() {
    return "bradley-terry";
  }

  @Override
  public LossTerms build(SDVariable chosen, SDVariable rejected) {
    SDVariable difference = Ops.subtract(chosen, rejected);
    SDVariable sum = Ops.add(chosen, rejected);
    SDVariable likelihood = Ops.logSigmoid(Ops.add(difference, -margin));
    SDVariable centering = Ops.multiply(Ops.multiply(sum, sum), center);
    return new LossTerms(
        Ops.subtract(centering, likelihood),
        ImmutableMap.of(
            "rewards/accuracies", Ops.isGreater(difference, 0),
            "rewards/margins", Ops.stopGradient(difference),
            "rewards/chosen", Ops.stopGradient(chosen),
            "rewards/rejected", Ops.stopGradient(rejected)));
  }
}
