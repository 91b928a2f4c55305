package io.github.p3o.loss;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.RewardShaping;
import io.github.p3o.TrainerConfig;

/**
 * The settings that the first author of P3O (arXiv 2310.00212) published, by the size of the
 * policy. All have ε = 0.2, c = 10, β = 0.05 with the KL of the current policy, four updates of
 * each pair, AdamW with betas 0.9 and 0.95, ε 1e-8 and weight decay 1e-6 at a constant learning
 * rate, up to 128 new tokens at temperature 1 and top-p 1.
 *
 * <p>Two settings of the published code are not taken over, for they let a shift of the reward by
 * δ(prompt) through: rewards are not clipped to ±10, and the running deviation that they are
 * divided by is of differences within prompts, not of all rewards. And pairs are reused in four
 * shuffled epochs over a rollout, not in four updates on end.
 */
public enum Preset {
  /** 125 million parameters. */
  SIZE_125M(128, 16, 1500, 8e-6),
  /** A billion parameters. */
  SIZE_1B(64, 8, 2500, 6e-6),
  /** 6 billion parameters. */
  SIZE_6B(64, 4, 6000, 8e-6),
  /** 20 billion parameters. */
  SIZE_20B(16, 1, 8000, 1e-6);

  private static final int UPDATES_OF_A_PAIR = 4;

  private final int pairsPerRollout;
  private final int pairsPerUpdate;
  private final int steps;
  private final double learningRate;

  Preset(int pairsPerRollout, int pairsPerUpdate, int steps, double learningRate) {
    this.pairsPerRollout = pairsPerRollout;
    this.pairsPerUpdate = pairsPerUpdate;
    this.steps = steps;
    this.learningRate = learningRate;
  }

  /**
   * The settings of the trainer; gradients' norms are clipped to 1, as everywhere here.
   *
   * @return to be changed where wanted
   */
  public TrainerConfig.Builder config() {
    return TrainerConfig.builder()
        .promptsPerStep(pairsPerRollout)
        .epochsPerStep(UPDATES_OF_A_PAIR)
        .promptsPerUpdate(pairsPerUpdate)
        .promptsPerMicroBatch(pairsPerUpdate)
        .optimizer(OptimizerConfig.adamW(learningRate))
        .rewardShaping(RewardShaping.NONE.withScale(RewardShaping.Scale.PAIR_DEVIATION));
  }

  /**
   * The objective.
   *
   * @param form separate or joint clipping
   * @return with the author's constants and the KL of the current policy, as in the published code
   */
  public P3OLoss loss(P3OLoss.Form form) {
    P3OLoss loss = form == P3OLoss.Form.V1 ? P3OLoss.v1() : P3OLoss.v2();
    return loss.withKlShaping(KlShaping.current(0.05));
  }

  /**
   * How long the author trained.
   *
   * @return the author's count of steps; here taken as steps of a trainer, each with a rollout
   */
  public int steps() {
    return steps;
  }

  /**
   * The longest response.
   *
   * @return tokens
   */
  public int maxNewTokens() {
    return 128;
  }

  /**
   * Texts that end a response, in dialogues.
   *
   * @return as in the HH data set
   */
  public ImmutableList<String> stopTexts() {
    return ImmutableList.of("Human:", "Assistant:");
  }

  /** The size alone, such as {@code 125m}. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name().substring("SIZE_".length()));
  }
}
