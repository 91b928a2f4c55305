package io.github.p3o.internal;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.controlflow.compat.StopGradient;

/**
 * The SameDiff operations that graphs here are made of: each has passed a finite-difference check
 * in float64 (OpsTest). ND4J has operations with silently wrong gradients, so no graph uses any
 * other.
 */
public final class Ops {

  private Ops() {}

  /** The value of {@code x}; no gradient passes. */
  public static SDVariable stopGradient(SDVariable x) {
    return new StopGradient(x.getSameDiff(), x).outputVariable();
  }

  /** {@code a + b}, broadcasting. */
  public static SDVariable add(SDVariable a, SDVariable b) {
    return a.add(b);
  }

  /** {@code a + b}. */
  public static SDVariable add(SDVariable a, double b) {
    return a.add(b);
  }

  /** {@code a − b}, broadcasting. */
  public static SDVariable subtract(SDVariable a, SDVariable b) {
    return a.sub(b);
  }

  /** {@code a · b} element by element, broadcasting. */
  public static SDVariable multiply(SDVariable a, SDVariable b) {
    return a.mul(b);
  }

  /** {@code a · b}. */
  public static SDVariable multiply(SDVariable a, double b) {
    return a.mul(b);
  }

  /** {@code −x}. */
  public static SDVariable negate(SDVariable x) {
    return x.mul(-1.0);
  }

  /** {@code 1/x}. */
  public static SDVariable reciprocal(SDVariable x) {
    return x.rdiv(1.0);
  }

  /** {@code √x}, for x > 0. */
  public static SDVariable sqrt(SDVariable x) {
    return x.getSameDiff().math().sqrt(x);
  }

  /** {@code eˣ}. */
  public static SDVariable exp(SDVariable x) {
    return x.getSameDiff().math().exp(x);
  }

  /** {@code ln x}, for x > 0. */
  public static SDVariable log(SDVariable x) {
    return x.getSameDiff().math().log(x);
  }

  /** The sum over these axes, which stay as size 1. */
  public static SDVariable sumKeeping(SDVariable x, int... axes) {
    return x.sum(true, axes);
  }

  /** The sum over these axes; over all where none is given. */
  public static SDVariable sum(SDVariable x, int... axes) {
    return x.sum(axes);
  }

  /** The mean over these axes, which stay as size 1. */
  public static SDVariable meanKeeping(SDVariable x, int... axes) {
    return x.mean(true, axes);
  }

  /** The greatest element over an axis, which stays as size 1; no gradient passes. */
  public static SDVariable detachedMax(SDVariable x, int axis) {
    // Stopped on both sides: the operation's own gradient is not to be trusted, and not needed.
    return stopGradient(stopGradient(x).max(true, axis));
  }

  /** 1 where {@code a > b}, else 0, in the type of {@code a}; no gradient passes. */
  public static SDVariable isGreater(SDVariable a, SDVariable b) {
    return stopGradient(stopGradient(a).gt(stopGradient(b)).castTo(a.dataType()));
  }

  /** 1 where {@code a > b}, else 0, in the type of {@code a}; no gradient passes. */
  public static SDVariable isGreater(SDVariable a, double b) {
    return stopGradient(stopGradient(a).gt(b).castTo(a.dataType()));
  }

  /** 1 where {@code a < b}, else 0, in the type of {@code a}; no gradient passes. */
  public static SDVariable isLess(SDVariable a, double b) {
    return stopGradient(stopGradient(a).lt(b).castTo(a.dataType()));
  }

  /** {@code 1 − mask}. */
  public static SDVariable not(SDVariable mask) {
    return mask.rsub(1.0);
  }

  /**
   * {@code x} bounded to {@code [low, high]}; where a bound is active the value is the bound and no
   * gradient passes. Made of masks: ND4J's min and max give a tie's gradient twice.
   */
  public static SDVariable clip(SDVariable x, double low, double high) {
    SDVariable below = isLess(x, low);
    SDVariable above = isGreater(x, high);
    SDVariable inside = not(add(below, above));
    // An infinite bound is never passed, and 0 · ∞ would be NaN.
    SDVariable bounds =
        add(
            multiply(below, Double.isFinite(low) ? low : 0),
            multiply(above, Double.isFinite(high) ? high : 0));
    return add(multiply(inside, x), bounds);
  }

  /** The matrix product; batched over the leading axes from rank 3 on. */
  public static SDVariable matmul(SDVariable a, SDVariable b) {
    return a.getSameDiff().mmul(a, b, false, false, false);
  }

  /** The matrix product {@code a bᵀ}; batched over the leading axes from rank 3 on. */
  public static SDVariable matmulTransposed(SDVariable a, SDVariable b) {
    return a.getSameDiff().mmul(a, b, false, true, false);
  }

  /** The same elements in another shape. */
  public static SDVariable reshape(SDVariable x, long... shape) {
    return x.reshape(shape);
  }

  /** The axes in another order. */
  public static SDVariable permute(SDVariable x, int... axes) {
    return x.permute(axes);
  }

  /**
   * Rows of a matrix.
   *
   * @param table {@code [rows, columns]}
   * @param ids rank 1 (ND4J's gradient fails for any other), repeats allowed
   */
  public static SDVariable rows(SDVariable table, SDVariable ids) {
    SameDiff graph = table.getSameDiff();
    return graph.gather(table, ids, 0);
  }

  /** The parts of an array along its first axis. */
  public static SDVariable[] unstack(SDVariable x, int count) {
    return x.getSameDiff().unstack(x, 0, count);
  }

  /** Vectors as the rows of a matrix. */
  public static SDVariable stack(List<SDVariable> rows) {
    return rows.get(0).getSameDiff().stack(0, rows.toArray(SDVariable[]::new));
  }

  /** The same values in another floating type. */
  public static SDVariable cast(SDVariable x, DataType type) {
    return x.dataType() == type ? x : x.castTo(type);
  }

  /** {@code ln Σ eˣ} over the last axis of a matrix, which stays as size 1. */
  public static SDVariable logSumExp(SDVariable x) {
    // ND4J's own takes exp of unshifted values in its gradient.
    SDVariable max = detachedMax(x, 1);
    return add(log(sumKeeping(exp(subtract(x, max)), 1)), max);
  }

  /** The softmax over the last axis of a rank-3 array. */
  public static SDVariable softmax(SDVariable x) {
    SDVariable shifted = exp(subtract(x, detachedMax(x, 2)));
    return multiply(shifted, reciprocal(sumKeeping(shifted, 2)));
  }

  /** {@code σ(x) = 1/(1 + e⁻ˣ)}. */
  public static SDVariable sigmoid(SDVariable x) {
    return x.getSameDiff().nn().sigmoid(x);
  }

  /** The error function. */
  public static SDVariable erf(SDVariable x) {
    return x.getSameDiff().math().erf(x);
  }

  /** {@code x Φ(x)}, Φ the normal distribution's; ND4J's own gelu is {@code x σ(1.702 x)}. */
  public static SDVariable gelu(SDVariable x) {
    return multiply(x, add(multiply(erf(multiply(x, Math.sqrt(0.5))), 0.5), 0.5));
  }

  /** {@code x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))}, GPT-2's approximation of gelu. */
  public static SDVariable geluTanh(SDVariable x) {
    // (1 + tanh z)/2 = σ(2z)
    double k = 2 * Math.sqrt(2 / Math.PI);
    SDVariable slope = add(multiply(multiply(x, x), 0.044715 * k), k);
    return multiply(x, sigmoid(multiply(x, slope)));
  }

  /** {@code ln σ(x)}, exact for any finite x. */
  public static SDVariable logSigmoid(SDVariable x) {
    // x ≥ 0: −ln(1 + e⁻ˣ); x < 0: x − ln(1 + eˣ); a mask, so that the gradient at 0 is ½.
    SDVariable negative = isLess(x, 0);
    SDVariable minusAbs = multiply(x, add(multiply(negative, 2), -1.0));
    return subtract(multiply(negative, x), logOnePlus(exp(minusAbs)));
  }

  /** {@code ln(1 + x)} for x ≥ 0, also where x is lost against 1: ND4J's log1p gives 0 there. */
  private static SDVariable logOnePlus(SDVariable x) {
    SDVariable sum = add(x, 1.0);
    // What rounding took from the sum, to first order; the gradient needs no such help.
    SDVariable lost = subtract(x, add(sum, -1.0));
    return add(log(sum), stopGradient(multiply(lost, reciprocal(sum))));
  }
}
