package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.clamp;
import static org.bytedeco.pytorch.global.torch.exp;
import static org.bytedeco.pytorch.global.torch.minimum;

import io.github.p3o.loss.P3OLoss;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * P3O in PyTorch, float64, as its users write it: min of two branches, differentiated by autograd.
 * The inputs lie in tensors before the clock starts, and the gradients stay in tensors.
 */
final class TorchPairs implements AutoCloseable {

  private static final double BETA = 0.05;
  private static final double CLIP_RANGE = 0.2;
  private static final double WEIGHT_CLIP = 10;
  private static final double MAX_LOG_RATIO = 20;

  private final PointerScope scope = new PointerScope();
  private final P3OLoss.Form form;
  private final Tensor[] now = new Tensor[2];
  private final Tensor[] old = new Tensor[2];
  private final Tensor[] reference = new Tensor[2];
  private final Tensor[] rewards = new Tensor[2];

  TorchPairs(
      P3OLoss.Form form, double[][] now, double[][] old, double[][] reference, double[][] rewards) {
    this.form = form;
    for (int i = 0; i < 2; i++) {
      this.now[i] = AbstractTensor.create(now[i]).requires_grad_(true);
      this.old[i] = AbstractTensor.create(old[i]);
      this.reference[i] = AbstractTensor.create(reference[i]);
      this.rewards[i] = AbstractTensor.create(rewards[i]);
    }
  }

  /** One forward and backward pass; the loss. */
  double step() {
    try (PointerScope temporaries = new PointerScope()) {
      for (Tensor s : now) {
        s.mutable_grad().reset();
      }
      Tensor loss = form == P3OLoss.Form.V1 ? separate() : joint();
      loss.backward();
      return loss.item_double();
    }
  }

  /** ∂L/∂s of the last step {@code [2][pairs]}. */
  double[][] gradient() {
    double[][] gradient = new double[2][(int) now[0].numel()];
    for (int i = 0; i < 2; i++) {
      now[i].grad().data_ptr_double().get(gradient[i]);
    }
    return gradient;
  }

  private Tensor relativeReward() {
    Tensor kl1 = old[0].subtract(reference[0]);
    Tensor kl2 = old[1].subtract(reference[1]);
    return rewards[0].subtract(rewards[1]).subtract(times(kl1.subtract(kl2), BETA));
  }

  private Tensor separate() {
    Tensor delta = relativeReward();
    Tensor rho1 = exp(clip(now[0].subtract(old[0]), -MAX_LOG_RATIO, MAX_LOG_RATIO));
    Tensor rho2 = exp(clip(now[1].subtract(old[1]), -MAX_LOG_RATIO, MAX_LOG_RATIO));
    Tensor first = surrogate(delta.multiply(weight(rho2)), rho1);
    Tensor second = surrogate(delta.negative().multiply(weight(rho1)), rho2);
    return times(first.add(second).mean(), -0.5);
  }

  private static Tensor surrogate(Tensor advantage, Tensor rho) {
    Tensor clipped = clip(rho, 1 - CLIP_RANGE, 1 + CLIP_RANGE);
    return minimum(advantage.multiply(rho), advantage.multiply(clipped));
  }

  private Tensor joint() {
    Tensor delta = relativeReward();
    Tensor d = now[0].subtract(now[1]);
    Tensor d0 = old[0].subtract(old[1]);
    Tensor move1 = clip(now[0].detach().subtract(old[0]), -MAX_LOG_RATIO, MAX_LOG_RATIO);
    Tensor move2 = clip(now[1].detach().subtract(old[1]), -MAX_LOG_RATIO, MAX_LOG_RATIO);
    Tensor advantage = delta.multiply(weight(exp(move1.add(move2))));
    Tensor clipped = clip(d.subtract(d0), -CLIP_RANGE, CLIP_RANGE).add(d0);
    return times(minimum(advantage.multiply(d), advantage.multiply(clipped)).mean(), -0.5);
  }

  private static Tensor weight(Tensor rho) {
    return clip(rho.detach(), 1 / WEIGHT_CLIP, WEIGHT_CLIP);
  }

  private static Tensor clip(Tensor x, double low, double high) {
    return clamp(x, new ScalarOptional(new Scalar(low)), new ScalarOptional(new Scalar(high)));
  }

  private static Tensor times(Tensor x, double factor) {
    return x.multiply(new Scalar(factor));
  }

  @Override
  public void close() {
    scope.close();
  }
}
