package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.clip_grad_norm_;

import com.google.common.base.Suppliers;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.loss.P3OLoss;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.nd4j.linalg.api.buffer.DataType;

/** {@link ModelWork} by the library and by PyTorch, with the same weights and texts, float32. */
final class ModelTask implements AutoCloseable {

  private final ModelSize size;
  private final ModelWork work;
  private final PointerScope scope = new PointerScope();
  private final Supplier<Peer> peer = Suppliers.memoize(this::peer);

  /** PyTorch's side. */
  private record Peer(TorchLlama model, AdamW optimizer, Tensor ids, TorchPairs.Fixed fixed) {}

  ModelTask(ModelSize size) {
    this.size = size;
    work = new ModelWork(size, DataType.FLOAT);
  }

  /** A copy of the policy as it is when PyTorch is first asked. */
  private Peer peer() {
    PairwiseBatch batch = work.batch();
    TorchLlama model = new TorchLlama(size, work.policy().parameters(), size.tokens());
    AdamWOptions options = new AdamWOptions(ModelWork.OPTIMIZER.learningRate());
    // A C++ tuple, whose last element lies first in memory.
    options.betas().put(0, ModelWork.OPTIMIZER.beta2()).put(1, ModelWork.OPTIMIZER.beta1());
    options.eps().put(ModelWork.OPTIMIZER.epsilon());
    options.weight_decay().put(ModelWork.OPTIMIZER.weightDecay());
    return new Peer(
        model,
        new AdamW(model.parameters(), options),
        AbstractTensor.create(work.ids(), 2L * ModelWork.PAIRS, size.tokens()),
        TorchPairs.Fixed.of(
            rows(batch.oldLogProbs()),
            rows(batch.referenceLogProbs()),
            new double[][] {batch.rewards().row(0), batch.rewards().row(1)}));
  }

  private static double[][] rows(LogProbs values) {
    return new double[][] {values.row(0), values.row(1)};
  }

  /** Log-probabilities, loss, gradients, clipping of their norm, AdamW. */
  double libraryStep() {
    return work.step();
  }

  /** The same. */
  double pytorchStep() {
    Peer torch = peer.get();
    try (PointerScope temporaries = new PointerScope()) {
      torch.optimizer().zero_grad();
      Tensor all = torch.model().logProbs(torch.ids(), ModelWork.PROMPT).to(ScalarType.Double);
      Tensor first = all.narrow(0, 0, ModelWork.PAIRS);
      Tensor second = all.narrow(0, ModelWork.PAIRS, ModelWork.PAIRS);
      Tensor loss = TorchPairs.loss(P3OLoss.Form.V2, first, second, torch.fixed());
      loss.backward();
      clip_grad_norm_(torch.model().parameters(), ModelWork.OPTIMIZER.maxGradientNorm());
      torch.optimizer().step();
      return loss.item_double();
    }
  }

  /** log π of each text, without a gradient. */
  double[] libraryScores() {
    return work.scores();
  }

  /** The same. */
  double[] pytorchScores() {
    Peer torch = peer.get();
    try (PointerScope temporaries = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      double[] scores = new double[2 * ModelWork.PAIRS];
      Tensor all = torch.model().logProbs(torch.ids(), ModelWork.PROMPT).to(ScalarType.Double);
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
    work.close();
    scope.close();
  }
}
