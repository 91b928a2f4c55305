package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.Parameters;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Adds up the gradients of micro-batches, in the order of the parameters' vector. */
public final class GradientSum implements AutoCloseable {

  private final INDArray vector;
  private final ImmutableMap<String, INDArray> views;
  private boolean empty = true;

  /** A sum that is still 0. */
  public GradientSum(Parameters parameters) {
    vector = Nd4j.create(parameters.dataType(), parameters.count());
    views = parameters.viewsInto(vector);
  }

  /** Adds what a {@link Program} gave as the gradients of the parameters. */
  public void add(Map<String, INDArray> results) {
    views.forEach(
        (name, view) -> {
          INDArray part = Result.array(results, Program.gradientOf(name));
          if (empty) {
            view.assign(part); // what is added to 0 need not read it
          } else {
            view.addi(part);
          }
        });
    empty = false;
  }

  /** The sum {@code [parameters]}; whoever takes it closes it. */
  public INDArray vector() {
    return vector;
  }

  @Override
  public void close() {
    vector.close();
  }
}
