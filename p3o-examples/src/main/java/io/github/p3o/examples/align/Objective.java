package io.github.p3o.examples.align;

import com.google.errorprone.annotations.Immutable;
import io.github.p3o.loss.Baseline;
import io.github.p3o.loss.LeaveOneOutLoss;
import io.github.p3o.loss.OnlineDpoLoss;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.loss.PairwisePolicyGradientLoss;
import io.github.p3o.loss.PolicyGradientLoss;
import io.github.p3o.loss.PpoLoss;
import io.github.p3o.loss.TokenPpoLoss;

/** The objectives that commands know, by their names on the command line. */
public enum Objective {
  /** P3O, separate clipping. */
  P3O_V1("p3o-v1", constants -> Learner.of(constants.p3o(P3OLoss.Form.V1))),
  /** P3O, joint clipping. */
  P3O_V2("p3o-v2", constants -> Learner.of(constants.p3o(P3OLoss.Form.V2))),
  /** The pairwise policy gradient, on-policy. */
  PPG(
      "ppg",
      constants ->
          Learner.of(PairwisePolicyGradientLoss.onPolicy().withKlShaping(constants.klShaping()))),
  /** The pairwise policy gradient with importance sampling. */
  PPG_IS(
      "ppg-is",
      constants ->
          Learner.of(
              PairwisePolicyGradientLoss.importanceSampled().withKlShaping(constants.klShaping()))),
  /** DPO on pairs that the reward orders. */
  ONLINE_DPO(
      "online-dpo", constants -> Learner.of(new OnlineDpoLoss(constants.klCoefficient(0.1)))),
  /** The plain policy gradient. */
  VPG(
      "vpg",
      constants -> Learner.of(new PolicyGradientLoss(constants.klShaping(), Baseline.BATCH_MEAN))),
  /** REINFORCE leave-one-out. */
  RLOO("rloo", constants -> Learner.of(new LeaveOneOutLoss(constants.klShaping()))),
  /** PPO on tokens, with values. */
  PPO("ppo", constants -> Learner.of(new TokenPpoLoss(constants.ppo()))),
  /** PPO on whole responses. */
  PPO_SEQUENCE(
      "ppo-sequence",
      constants ->
          Learner.of(
              new PpoLoss(constants.clipRange(), constants.klShaping(), Baseline.BATCH_MEAN)));

  private final String id;
  private final Factory factory;

  /** Makes an objective of its constants. */
  @Immutable
  private interface Factory {
    Learner make(Constants constants);
  }

  Objective(String id, Factory factory) {
    this.id = id;
    this.factory = factory;
  }

  /** The objective; refuses constants that it does not have. */
  public Learner learner(Constants constants) {
    Learner learner = factory.make(constants);
    constants.checkAllUsed(id);
    return learner;
  }

  /** With its usual constants. */
  public Learner learner() {
    return learner(Constants.usual());
  }

  /**
   * How often a rollout is used: once by those that take its responses for samples of the policy as
   * it is, which they are before the first update alone.
   */
  int epochsPerStep() {
    return switch (this) {
      case PPG, VPG, RLOO -> 1;
      case P3O_V1, P3O_V2, PPG_IS, ONLINE_DPO, PPO, PPO_SEQUENCE -> 4;
    };
  }

  @Override
  public String toString() {
    return id;
  }
}
