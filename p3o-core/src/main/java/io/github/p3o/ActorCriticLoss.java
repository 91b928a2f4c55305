package io.github.p3o;

import com.google.common.collect.ImmutableList;

/**
 * An objective on the single tokens of sampled responses, for policies that estimate values: PPO.
 * It prepares a whole rollout once, and then adds its loss to the graph of each update.
 */
public interface ActorCriticLoss {

  /**
   * The name under which runs and reports show the objective.
   *
   * @return a short name, such as {@code ppo}
   */
  String name();

  /**
   * What stays fixed during the updates on a rollout: advantages, and what values are fitted to.
   *
   * @param rollout all responses of the rollout
   * @param klScale what β is to be multiplied by, where there is one: the trainer's {@link
   *     KlControl}
   * @return the targets of each response, in the same order
   */
  ImmutableList<TokenTargets> targets(ImmutableList<TokenRollout> rollout, double klScale);

  /**
   * What a nat of KL costs in the objective's reward, before it is scaled.
   *
   * @return β ≥ 0, in reward per nat; 0 if there is no KL in the reward
   */
  default double klPenalty() {
    return 0;
  }

  /**
   * Adds the loss of each token to the graph of its inputs.
   *
   * @param tokens log-probabilities, values, and their targets
   * @return the loss of each token {@code [sequences, responseTokens]} and its diagnostics, 0 at
   *     padding; means are over response tokens
   */
  LossTerms build(TokenVariables tokens);
}
