package io.github.p3o.loss;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PairVariables;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * Direct preference optimization (Rafailov et al., arXiv 2305.18290, eq. 7) on pairs that the
 * reward model orders: {@code −ln σ(β ((s_w − f_w) − (s_l − f_l)))}. A pair of equal rewards has no
 * order: its loss is the constant ln 2, it carries no gradient, and its share is reported.
 *
 * @param klCoefficient β &gt; 0, in nats of preference per nat of log-ratio
 */
public record OnlineDpoLoss(double klCoefficient) implements PairwiseLoss {

  /** Checks the coefficient. */
  public OnlineDpoLoss {
    checkArgument(
        klCoefficient > 0 && Double.isFinite(klCoefficient),
        "klCoefficient: expected a finite number > 0, got %s",
        klCoefficient);
  }

  /** The usual β = 0.1. */
  public OnlineDpoLoss() {
    this(0.1);
  }

  @Override
  public String name() {
    return "online-dpo";
  }

  @Override
  public LossTerms build(PairVariables p) {
    SDVariable firstWins = Ops.isGreater(p.rewardDifference(), 0);
    SDVariable secondWins = Ops.isLess(p.rewardDifference(), 0);
    SDVariable sign = Ops.subtract(firstWins, secondWins); // 0 for a tie
    SDVariable logRatio1 = Ops.subtract(p.s1(), p.f1());
    SDVariable logRatio2 = Ops.subtract(p.s2(), p.f2());
    SDVariable lead = Ops.multiply(Ops.subtract(logRatio1, logRatio2), klCoefficient);
    SDVariable margin = Ops.multiply(sign, lead);
    SDVariable middle = Ops.multiply(Ops.add(logRatio1, logRatio2), klCoefficient / 2);
    SDVariable half = Ops.multiply(margin, 0.5);
    return new LossTerms(
        Ops.negate(Ops.logSigmoid(margin)),
        ImmutableMap.of(
            "rewards/chosen", Ops.stopGradient(Ops.add(middle, half)),
            "rewards/rejected", Ops.stopGradient(Ops.subtract(middle, half)),
            "rewards/accuracies", Ops.isGreater(margin, 0),
            "rewards/margins", Ops.stopGradient(margin),
            "rewards/ties", Ops.not(Ops.add(firstWins, secondWins))));
  }
}
