package io.github.p3o.internal;

import io.github.p3o.Response;
import java.util.Arrays;
import java.util.List;
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

  /**
   * A result {@code [sequences, responseTokens]} without its padding.
   *
   * @param responses at least as many as the result has rows
   * @return a row for each sequence, as long as its response, or as the result is wide
   */
  public static double[][] rows(
      Map<String, INDArray> results, String name, List<Response> responses) {
    double[][] rows = array(results, name).toDoubleMatrix();
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOf(rows[i], Math.min(responses.get(i).length(), rows[i].length));
    }
    return rows;
  }
}
