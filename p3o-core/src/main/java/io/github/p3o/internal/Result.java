package io.github.p3o.internal;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Reads the results of a {@link Program}. */
public final class Result {

  private Result() {}

  /** One of the results. */
  public static INDArray array(Map<String, INDArray> results, String name) {
    INDArray array = results.get(name);
    if (array == null) {
      throw new IllegalArgumentException(
          "name: expected one of " + results.keySet() + ", got " + name);
    }
    return array;
  }

  /** One of the results as a number. */
  public static double scalar(Map<String, INDArray> results, String name) {
    return array(results, name).getDouble(0);
  }
}
