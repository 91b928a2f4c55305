package io.github.p3o.loss;

import io.github.p3o.PolicyGraph;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.Ops;
import org.nd4j.autodiff.samediff.SDVariable;

/** Supervised fine-tuning: {@code −log π_θ(token)}, the mean over response tokens. */
public record SftLoss() implements TokenLoss {

  @Override
  public String name() {
    return "sft";
  }

  @Override
  public SDVariable build(PolicyGraph policy) {
    return Ops.negate(policy.tokenLogProbs());
  }
}
