package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.clip_grad_norm_;

import com.google.common.base.Suppliers;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * P3O-V2 on 16 pairs of texts of 128 tokens, 8 of them a prompt, by the library and by PyTorch,
 * with the same decoder, weights and texts, float32.
 */
final class ModelTask implements AutoCloseable {

  static final int PAIRS = 16;

  static final int PROMPT = 8;
  private static final double LEARNING_RATE = 1e-5;
  private static final OptimizerConfig OPTIMIZER = OptimizerConfig.adamW(LEARNING_RATE);

  private final ModelSize size;
  private final TransformerPolicy policy;
  private final PolicyScorer scorer;
  private final P3OTrainer trainer;
  private final long[] tokens;
  private final PairwiseBatch batch;
  private final PointerScope scope = new PointerScope();
  private final Supplier<Peer> peer = Suppliers.memoize(this::peer);

  /** PyTorch's side. */
  private record Peer(TorchLlama model, AdamW optimizer, Tensor ids, TorchPairs.Fixed fixed) {}

  ModelTask(ModelSize size) {
    this.size = size;
    policy = TransformerPolicy.random(size.config(size.tokens()), DataType.FLOAT, 1);
    scorer = new PolicyScorer(policy, 2 * PAIRS);
    tokens =
        new SplittableRandom(2).longs(2L * PAIRS * size.tokens(), 0, size.vocabulary()).toArray();
    for (int i = 0; i < PAIRS; i++) { // the two texts of a pair have the same prompt
      System.arraycopy(tokens, i * size.tokens(), tokens, (PAIRS + i) * size.tokens(), PROMPT);
    }
    batch = batch();
    trainer =
        P3OTrainer.builder(policy, P3OLoss.v2())
            .prompts(PromptSource.uniform(List.copyOf(batch.prompts())))
            .sampler(policy.sampler(1))
            .rewardModel(RewardModel.each((prompt, response) -> 0))
            .config(
                TrainerConfig.builder()
                    .promptsPerStep(PAIRS)
                    .promptsPerMicroBatch(PAIRS)
                    .optimizer(OPTIMIZER)
                    .build())
            .build();
  }

  /** A copy of the policy as it is when PyTorch is first asked. */
  private Peer peer() {
    TorchLlama model = new TorchLlama(size, policy.parameters(), size.tokens());
    AdamWOptions options = new AdamWOptions(LEARNING_RATE);
    // A C++ tuple, whose last element lies first in memory.
    options.betas().put(0, OPTIMIZER.beta2()).put(1, OPTIMIZER.beta1());
    options.eps().put(OPTIMIZER.epsilon());
    options.weight_decay().put(OPTIMIZER.weightDecay());
    return new Peer(
        model,
        new AdamW(model.parameters(), options),
        AbstractTensor.create(tokens, 2L * PAIRS, size.tokens()),
        TorchPairs.Fixed.of(
            rows(batch.oldLogProbs()),
            rows(batch.referenceLogProbs()),
            new double[][] {batch.rewards().row(0), batch.rewards().row(1)}));
  }

  private static double[][] rows(LogProbs values) {
    return new double[][] {values.row(0), values.row(1)};
  }

  private PairwiseBatch batch() {
    List<Prompt> prompts = new ArrayList<>();
    List<Response> responses = new ArrayList<>();
    int[] all = LongStream.of(tokens).mapToInt(Math::toIntExact).toArray();
    for (int i = 0; i < 2 * PAIRS; i++) {
      int from = i * size.tokens();
      if (i < PAIRS) {
        prompts.add(Prompt.of(IntStream.range(from, from + PROMPT).map(j -> all[j]).toArray()));
      }
      responses.add(
          Response.of(
              IntStream.range(from + PROMPT, from + size.tokens()).map(j -> all[j]).toArray()));
    }
    double[] old = new double[2 * PAIRS];
    Arrays.fill(old, -(size.tokens() - PROMPT) * Math.log(size.vocabulary()));
    double[] rewards = new SplittableRandom(3).doubles(2 * PAIRS, -1, 1).toArray();
    return new PairwiseBatch(
        ImmutableLongArray.copyOf(LongStream.range(0, PAIRS)),
        ImmutableList.copyOf(prompts),
        ImmutableList.copyOf(responses),
        LogProbs.ofFlat(2, old),
        LogProbs.ofFlat(2, old),
        Rewards.ofFlat(2, rewards));
  }

  /** Log-probabilities, loss, gradients, clipping of their norm, AdamW. */
  double libraryStep() {
    Gradients gradients = trainer.gradients(batch);
    trainer.apply(gradients);
    return gradients.loss();
  }

  /** The same. */
  double pytorchStep() {
    Peer torch = peer.get();
    try (PointerScope temporaries = new PointerScope()) {
      torch.optimizer().zero_grad();
      Tensor all = torch.model().logProbs(torch.ids(), PROMPT).to(ScalarType.Double);
      Tensor first = all.narrow(0, 0, PAIRS);
      Tensor second = all.narrow(0, PAIRS, PAIRS);
      Tensor loss = TorchPairs.loss(P3OLoss.Form.V2, first, second, torch.fixed());
      loss.backward();
      clip_grad_norm_(torch.model().parameters(), OPTIMIZER.maxGradientNorm());
      torch.optimizer().step();
      return loss.item_double();
    }
  }

  /** log π of each text, without a gradient. */
  double[] libraryScores() {
    return scorer.logProbs(batch.promptOfEach(), batch.responses());
  }

  /** The same. */
  double[] pytorchScores() {
    Peer torch = peer.get();
    try (PointerScope temporaries = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      double[] scores = new double[2 * PAIRS];
      Tensor all = torch.model().logProbs(torch.ids(), PROMPT).to(ScalarType.Double);
      all.data_ptr_double().get(scores);
      return scores;
    }
  }

  /** The greatest relative difference of a log-probability. */
  double difference() {
    double[] ours = libraryScores();
    double[] theirs = pytorchScores();
    return IntStream.range(0, ours.length)
        .mapToDouble(i -> Math.abs(ours[i] - theirs[i]) / Math.abs(theirs[i]))
        .max()
        .orElseThrow();
  }

  @Override
  public void close() {
    trainer.close();
    scorer.close();
    policy.close();
    scope.close();
  }
}
