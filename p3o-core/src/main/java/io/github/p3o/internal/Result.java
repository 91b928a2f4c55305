package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

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
   * A result {@code [sequences]}.
   *
   * @throws IllegalArgumentException for another number of elements
   */
  public static double[] numbers(Map<String, INDArray> results, String name, int sequences) {
    INDArray array = array(results, name);
    checkArgument(
        array.length() == sequences,
        "%s: expected shape [%s], a number for each sequence, got %s",
        ofGraph(name),
        sequences,
        Arrays.toString(array.shape()));
    return array.reshape(sequences).toDoubleVector();
  }

  /** The name under which a host's graph gave the variable. */
  private static String ofGraph(String name) {
    return name.substring(name.lastIndexOf('/') + 1);
  }

  /**
   * A result {@code [sequences, responseTokens]} without its padding.
   *
   * @param responses {@code [sequences]}
   * @return a row for each sequence, as long as its response, or as the result is wide
   * @throws IllegalArgumentException for another shape, such as that of whole responses
   */
  public static double[][] rows(
      Map<String, INDArray> results, String name, List<Response> responses) {
    INDArray array = array(results, name);
    checkArgument(
        array.rank() == 2 && array.size(0) == responses.size(),
        "%s: expected shape [%s, tokens], a row for each sequence, got %s",
        ofGraph(name),
        responses.size(),
        Arrays.toString(array.shape()));
    double[][] rows = array.toDoubleMatrix();
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOf(rows[i], Math.min(responses.get(i).length(), rows[i].length));
    }
    return rows;
  }
}
