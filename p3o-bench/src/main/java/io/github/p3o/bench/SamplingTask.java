package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.gather;
import static org.bytedeco.pytorch.global.torch.log_softmax;
import static org.bytedeco.pytorch.global.torch.multinomial;
import static org.bytedeco.pytorch.global.torch.softmax;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/** 128 new tokens for each of some prompts of 8, by the library and by PyTorch, with a cache. */
final class SamplingTask implements AutoCloseable {

  private final int sequences;
  private final SamplingWork work;
  private final PointerScope scope = new PointerScope();
  private final TorchLlama peer;
  private final TorchLlama.Cache cache;
  private final Tensor ids;

  SamplingTask(ModelSize size, int sequences) {
    this.sequences = sequences;
    work = new SamplingWork(size, sequences);
    int positions = SamplingWork.PROMPT + SamplingWork.NEW_TOKENS;
    peer = new TorchLlama(size, work.policy().parameters(), positions);
    cache = new TorchLlama.Cache(size, sequences, positions);
    ids = AbstractTensor.create(work.ids(), sequences, SamplingWork.PROMPT);
  }

  Samples library() {
    return work.sample();
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
        if (i == SamplingWork.NEW_TOKENS - 1) {
          return sum.sum().item_long();
        }
        logits = peer.next(token, SamplingWork.PROMPT + i, cache);
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
      for (int t = 0; t < SamplingWork.NEW_TOKENS; t++) {
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
        if (t < SamplingWork.NEW_TOKENS - 1) {
          logits = peer.next(tokens, SamplingWork.PROMPT + t, cache);
        }
      }
      return sums;
    }
  }

  @Override
  public void close() {
    work.close();
    scope.close();
  }
}
