package io.github.p3o.spark;

import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.RewardModel;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.Architecture;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.OptionalInt;
import org.nd4j.linalg.api.buffer.DataType;

/** A small language model with an adapter or, with rank 0, without. */
record LoraModels(int rank) implements SparkModels<TransformerPolicy> {

  @Override
  public TransformerPolicy policy() {
    DecoderConfig config =
        DecoderConfig.llama(
            11, 16, 24, 2, 4, 2, 30, 1e-5, 10_000, false, OptionalInt.of(1), OptionalInt.of(2));
    TransformerPolicy base = TransformerPolicy.random(config, DataType.DOUBLE, 5);
    if (rank == 0) {
      return base;
    }
    try (base) {
      return base.withAdapter(LoraConfig.of(Architecture.LLAMA, rank), 6);
    }
  }

  @Override
  public PolicyLoss loss() {
    return P3OLoss.v2();
  }

  @Override
  public PairSampler sampler(TransformerPolicy policy) {
    return policy.sampler(6);
  }

  /** Prefers short answers. */
  @Override
  public RewardModel rewardModel() {
    return RewardModel.each((prompt, response) -> -response.length());
  }
}
