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
  private final Tensor[] now;
  private final Fixed fixed;

  /** What carries no gradient. */
  record Fixed(
      Tensor old1,
      Tensor old2,
      Tensor reference1,
      Tensor reference2,
      Tensor reward1,
      Tensor reward2) {

    static Fixed of(double[][] old, double[][] reference, double[][] rewards) {
      return new Fixed(
          AbstractTensor.create(old[0]),
          AbstractTensor.create(old[1]),
          AbstractTensor.create(reference[0]),
          AbstractTensor.create(reference[1]),
          AbstractTensor.create(rewards[0]),
          AbstractTensor.create(rewards[1]));
    }
  }

  TorchPairs(P3OLoss.Form form, double[][] now, Fixed fixed) {
    this.form = form;
    this.now = new Tensor[] {leaf(now[0]), leaf(now[1])};
    this.fixed = fixed;
  }

  private static Tensor leaf(double[] values) {
    return AbstractTensor.create(values).requires_grad_(true);
  }

  /** One forward and backward pass; the loss. */
  double step() {
    try (PointerScope temporaries = new PointerScope()) {
      for (Tensor s : now) {
        s.mutable_grad().reset();
      }
      Tensor loss = loss(form, now[0], now[1], fixed);
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

  /** The mean loss of pairs. */
  static Tensor loss(P3OLoss.Form form, Tensor s1, Tensor s2, Fixed f) {
    Tensor kl1 = f.old1().subtract(f.reference1());
    Tensor kl2 = f.old2().subtract(f.reference2());
    Tensor delta = f.reward1().subtract(f.reward2()).subtract(times(kl1.subtract(kl2), BETA));
    return form == P3OLoss.Form.V1 ? separate(delta, s1, s2, f) : joint(delta, s1, s2, f);
  }

  private static Tensor separate(Tensor delta, Tensor s1, Tensor s2, Fixed f) {
    Tensor rho1 = exp(clip(s1.subtract(f.old1()), -MAX_LOG_RATIO, MAX_LOG_RATIO));
    Tensor rho2 = exp(clip(s2.subtract(f.old2()), -MAX_LOG_RATIO, MAX_LOG_RATIO));
    Tensor first = surrogate(delta.multiply(weight(rho2)), rho1);
    Tensor second = surrogate(delta.negative().multiply(weight(rho1)), rho2);
    return times(first.add(second).mean(), -0.5);
  }

  private static Tensor surrogate(Tensor advantage, Tensor rho) {
    Tensor clipped = clip(rho, 1 - CLIP_RANGE, 1 + CLIP_RANGE);
    return minimum(advantage.multiply(rho), advantage.multiply(clipped));
  }

  private static Tensor joint(Tensor delta, Tensor s1, Tensor s2, Fixed f) {
    Tensor d = s1.subtract(s2);
    Tensor d0 = f.old1().subtract(f.old2());
    Tensor move1 = clip(s1.detach().subtract(f.old1()), -MAX_LOG_RATIO, MAX_LOG_RATIO);
    Tensor move2 = clip(s2.detach().subtract(f.old2()), -MAX_LOG_RATIO, MAX_LOG_RATIO);
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
