package io.github.p3o;

import com.google.common.collect.ImmutableList;

/** Scores responses; higher is better. A lambda will do. */
@FunctionalInterface
public interface RewardModel {

  /**
   * Scores each response as an answer to its prompt.
   *
   * @param prompts {@code [sequences]}, the prompt of each response
   * @param responses {@code [sequences]}
   * @return rewards {@code [sequences]}, all finite
   */
  double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses);

  /** Scores one response; see {@link RewardModel#each}. */
  @FunctionalInterface
  interface Scorer {

    /**
     * Scores one response.
     *
     * @param prompt what was asked
     * @param response what was answered
     * @return the reward, finite, higher is better
     */
    double score(Prompt prompt, Response response);
  }

  /**
   * A reward model from a function of one prompt and one response.
   *
   * @param scorer the function
   * @return a reward model that calls it for each response
   */
  static RewardModel each(Scorer scorer) {
    return (prompts, responses) -> {
      double[] rewards = new double[responses.size()];
      for (int i = 0; i < rewards.length; i++) {
        rewards[i] = scorer.score(prompts.get(i), responses.get(i));
      }
      return rewards;
    };
  }
}
