package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.gather;
import static org.bytedeco.pytorch.global.torch.log_softmax;
import static org.bytedeco.pytorch.global.torch.multinomial;
import static org.bytedeco.pytorch.global.torch.softmax;

import com.google.common.collect.ImmutableList;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.nd4j.linalg.api.buffer.DataType;

/** 128 new tokens for each of some prompts of 8, by the library and by PyTorch, with a cache. */
final class SamplingTask implements AutoCloseable {

  static final int PROMPT = 8;
  static final int NEW_TOKENS = 128;

  private final int sequences;
  private final TransformerPolicy policy;
  private final PairSampler sampler;
  private final ImmutableList<Prompt> prompts;
  private final PointerScope scope = new PointerScope();
  private final TorchLlama peer;
  private final TorchLlama.Cache cache;
  private final Tensor ids;

  SamplingTask(ModelSize size, int sequences) {
    this.sequences = sequences;
    int positions = PROMPT + NEW_TOKENS;
    policy = TransformerPolicy.random(size.config(positions + 1), DataType.FLOAT, 1);
    sampler = policy.sampler(NEW_TOKENS);
    SplittableRandom random = new SplittableRandom(2);
    prompts =
        Stream.generate(() -> Prompt.of(random.ints(PROMPT, 0, size.vocabulary()).toArray()))
            .limit(sequences)
            .collect(ImmutableList.toImmutableList());
    peer = new TorchLlama(size, policy.parameters(), positions);
    cache = new TorchLlama.Cache(size, sequences, positions);
    long[] all = prompts.stream().flatMapToInt(p -> p.tokens().stream()).asLongStream().toArray();
    ids = AbstractTensor.create(all, sequences, PROMPT);
  }

  Samples library() {
    return sampler.sample(prompts, 1, new SplittableRandom(3));
  }

  /** The sum of all new ids: reading it waits for the last. */
  long pytorch() {
    try (PointerScope all = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Tensor logits = peer.next(ids, 0, cache);
      Tensor sum = AbstractTensor.create(new long[sequences], sequences, 1);
      for (int i = 0; ; i++) {
        Tensor token = multinomial(softmax(logits, -1), 1);
        sum.add_(token);
        if (i == NEW_TOKENS - 1) {
          return sum.sum().item_long();
        }
        logits = peer.next(token, PROMPT + i, cache);
      }
    }
  }

  /** The greatest relative difference of what the sampler records as log π and the peer finds. */
  double difference() {
    Samples samples = library();
    double[] theirs = logProbs(samples.responses());
    double greatest = 0;
    for (int i = 0; i < sequences; i++) {
      double ours = samples.behaviour().row(0)[i];
      greatest = Math.max(greatest, Math.abs(ours - theirs[i]) / Math.abs(theirs[i]));
    }
    return greatest;
  }

  /** log π of given responses, token by token with the cache. */
  private double[] logProbs(ImmutableList<Response> responses) {
    try (PointerScope all = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      double[] sums = new double[sequences];
      Tensor logits = peer.next(ids, 0, cache);
      for (int t = 0; t < NEW_TOKENS; t++) {
        int column = t;
        long[] chosen =
            responses.stream().mapToLong(response -> response.tokens().get(column)).toArray();
        Tensor tokens = AbstractTensor.create(chosen, sequences, 1);
        Tensor each = gather(log_softmax(logits, -1), -1, tokens);
        float[] values = new float[sequences];
        each.contiguous().data_ptr_float().get(values);
        for (int i = 0; i < sequences; i++) {
          sums[i] += values[i];
        }
        if (t < NEW_TOKENS - 1) {
          logits = peer.next(tokens, PROMPT + t, cache);
        }
      }
      return sums;
    }
  }

  @Override
  public void close() {
    policy.close();
    scope.close();
  }
}
