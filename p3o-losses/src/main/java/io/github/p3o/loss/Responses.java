package io.github.p3o.loss;

import io.github.p3o.internal.Ops;
import java.util.function.IntFunction;
import org.nd4j.autodiff.samediff.SDVariable;

/** Sums over the responses to each prompt. */
final class Responses {

  private Responses() {}

  /** The mean of a term over k responses {@code [groups]}. */
  static SDVariable mean(int k, IntFunction<SDVariable> term) {
    SDVariable sum = term.apply(0);
    for (int i = 1; i < k; i++) {
      sum = Ops.add(sum, term.apply(i));
    }
    return Ops.multiply(sum, 1.0 / k);
  }
}
