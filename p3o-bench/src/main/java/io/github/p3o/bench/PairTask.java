package io.github.p3o.bench;

import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.LossEvaluator;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.loss.P3OLoss;

/** Value and gradient of P3O on pairs near π_old, by the library and by PyTorch. */
final class PairTask implements AutoCloseable {

  /**
   * What has to be read and written at least: log π of three policies and a reward for each of two
   * responses, and their two gradients.
   */
  static final double BYTES_OF_PAIR = 10 * Double.BYTES;

  private final LogProbs logProbs;
  private final PairwiseBatch batch;
  private final LossEvaluator evaluator;
  private final TorchPairs torch;

  PairTask(P3OLoss.Form form, int pairs) {
    PairNumbers numbers = new PairNumbers(pairs);
    logProbs = numbers.logProbs();
    batch = numbers.batch();
    evaluator = new LossEvaluator(form == P3OLoss.Form.V1 ? P3OLoss.v1() : P3OLoss.v2());
    torch =
        new TorchPairs(
            form,
            numbers.now(),
            TorchPairs.Fixed.of(numbers.old(), numbers.reference(), numbers.rewards()));
  }

  Evaluation library() {
    return evaluator.evaluate(batch, logProbs);
  }

  double pytorch() {
    return torch.step();
  }

  /** The greatest difference of a gradient, times the number of pairs; of the loss if greater. */
  double difference() {
    Evaluation ours = library();
    double difference = Math.abs(ours.loss() - pytorch());
    double[][] theirs = torch.gradient();
    int pairs = batch.groups();
    for (int i = 0; i < 2; i++) {
      for (int p = 0; p < pairs; p++) {
        double apart = Math.abs(ours.gradient()[i][p] - theirs[i][p]);
        difference = Math.max(difference, apart * pairs);
      }
    }
    return difference;
  }

  @Override
  public void close() {
    evaluator.close();
    torch.close();
  }
}
