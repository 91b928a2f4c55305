package io.github.p3o.loss;

import io.github.p3o.TokenAdvantages;
import io.github.p3o.TokenRollout;
import io.github.p3o.TokenValues;

/**
 * Generalized advantage estimation (Schulman et al., arXiv 1506.02438, eq. 16) over the tokens of
 * one response: {@code A_t = Σ_l (γλ)^l δ_{t+l}} with {@code δ_t = r_t + γ V_{t+1} − V_t}. The
 * reward of a token is {@code r_t = −β (log π_old − log π_ref)}, and that of the response is added
 * at the last token, after which nothing comes: V is 0 there, whether the response ended itself or
 * was cut.
 *
 * @param advantages A_t
 * @param returns {@code A_t + V_t}, what values are fitted to
 */
record GeneralizedAdvantage(TokenAdvantages advantages, TokenValues returns) {

  static GeneralizedAdvantage of(TokenRollout response, PpoConfig config) {
    int length = response.length();
    double[] advantages = new double[length];
    double[] returns = new double[length];
    double reward = response.reward();
    double nextValue = 0;
    double nextAdvantage = 0;
    for (int t = length - 1; t >= 0; t--) {
      double kl = response.oldLogProbs().get(t) - response.referenceLogProbs().get(t);
      double value = response.values().get(t);
      double delta = reward - config.klCoefficient() * kl + config.gamma() * nextValue - value;
      advantages[t] = delta + config.gamma() * config.lambda() * nextAdvantage;
      returns[t] = advantages[t] + value;
      reward = 0; // only the last token has it
      nextValue = value;
      nextAdvantage = advantages[t];
    }
    return new GeneralizedAdvantage(TokenAdvantages.of(advantages), TokenValues.of(returns));
  }
}
