package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.NonFiniteException;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The mean of a loss and of its diagnostics over a batch that is run in parts. The graph multiplies
 * the sums over a part by 1/count, where count is of the whole batch, so that the sums over all
 * parts are the means, and the sum of the parts' gradients is the gradient.
 */
public final class MeanLoss {

  /** The scalar to differentiate. */
  public static final String LOSS = "p3o/loss";

  private static final String WEIGHT = "p3o/weight";
  private static final String DIAGNOSTIC = "p3o/diagnostic/";

  private final double count;
  private final Map<String, Double> sums = new TreeMap<>();

  /** Of a batch whose losses are so many in all. */
  public MeanLoss(double count) {
    this.count = count;
  }

  /**
   * Adds the weighed sums to the graph of the terms.
   *
   * @return the names of the variables that {@link #add} reads: the loss, then the diagnostics
   */
  public static ImmutableList<String> addTo(LossTerms terms) {
    SameDiff graph = terms.losses().getSameDiff();
    SDVariable weight = graph.placeHolder(WEIGHT, DataType.DOUBLE);
    ImmutableList.Builder<String> names = ImmutableList.builder();
    names.add(weigh(terms.losses(), weight, LOSS));
    terms.diagnostics().forEach((name, d) -> names.add(weigh(d, weight, DIAGNOSTIC + name)));
    return names.build();
  }

  private static String weigh(SDVariable ofEach, SDVariable weight, String name) {
    SDVariable sum = Ops.sum(Ops.cast(ofEach, DataType.DOUBLE));
    return sum.getSameDiff().identity(name, Ops.multiply(sum, weight)).name();
  }

  /** What the placeholder holds that {@link #addTo} made. */
  public Map<String, INDArray> feed() {
    return ImmutableMap.of(WEIGHT, Nd4j.scalar(1 / count));
  }

  /** Adds what a program gave for a part. */
  public void add(Map<String, INDArray> results) {
    addEach(results, value -> value.getDouble(0));
  }

  /** Adds what a program gave for a part. */
  void addNumbers(Map<String, Double> results) {
    addEach(results, value -> value);
  }

  private <T> void addEach(Map<String, T> results, ToDoubleFunction<T> number) {
    results.forEach(
        (name, value) -> {
          if (name.equals(LOSS) || name.startsWith(DIAGNOSTIC)) {
            sums.merge(name, number.applyAsDouble(value), Double::sum);
          }
        });
  }

  /**
   * Refuses a mean that is no number.
   *
   * @throws NonFiniteException if the loss is not finite
   */
  public void checkFinite() {
    if (!Double.isFinite(loss())) {
      throw new NonFiniteException(
          "loss: expected a finite value, got " + loss() + "; the parameters are unchanged");
    }
  }

  /** The mean loss over all parts. */
  public double loss() {
    return sums.getOrDefault(LOSS, Double.NaN);
  }

  /** The means of the diagnostics over all parts, by metric name, in the order of the names. */
  public ImmutableMap<String, Double> diagnostics() {
    ImmutableMap.Builder<String, Double> diagnostics = ImmutableMap.builder();
    sums.forEach(
        (name, sum) -> {
          if (name.startsWith(DIAGNOSTIC)) {
            diagnostics.put(name.substring(DIAGNOSTIC.length()), sum);
          }
        });
    return diagnostics.buildOrThrow();
  }
}
