package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The factor of β that the trainer's KL control asks for, as a scalar placeholder: β changes from
 * step to step, and the graph does not. At 1 it changes no bit.
 */
public final class KlScale {

  static final String NAME = "p3o/klScale";

  private KlScale() {}

  /** The KL term times the factor. */
  public static SDVariable apply(SDVariable klTerm) {
    SameDiff graph = klTerm.getSameDiff();
    SDVariable scale =
        graph.hasVariable(NAME)
            ? graph.getVariable(NAME)
            : graph.placeHolder(NAME, DataType.DOUBLE);
    checkArgument(scale.isPlaceHolder(), "graph: expected no variable %s, got one", NAME);
    return Ops.multiply(klTerm, scale);
  }

  /** Sets the factor for the next run, in place of one that was set before. */
  public static void feed(Map<String, INDArray> feed, double scale) {
    INDArray before = feed.put(NAME, Nd4j.scalar(scale));
    if (before != null) {
      before.close();
    }
  }
}
