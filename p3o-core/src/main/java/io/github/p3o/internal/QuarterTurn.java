package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The quarter turn of rotary positions: (−second half, first half) of the elements of a head that
 * are turned, 0 for the rest. In a graph it is a product with a matrix, which SameDiff
 * differentiates; {@link Fusion} knows the matrix by its name, and turns without reading it.
 */
public final class QuarterTurn {

  private static final String PREFIX = "p3o/quarterTurn/";
  private static final Pattern NAME = Pattern.compile(PREFIX + "(\\d{1,9})");

  private QuarterTurn() {}

  /**
   * The matrix's name.
   *
   * @param half how many pairs of elements are turned
   */
  public static String name(int half) {
    checkArgument(half >= 1, "half: expected at least 1, got %s", half);
    return PREFIX + half;
  }

  /**
   * The matrix {@code [d, d]}, to be fed.
   *
   * @param half how many pairs of elements are turned
   * @param elements d, of a head
   */
  public static SDVariable matrix(SameDiff graph, DataType type, int half, int elements) {
    return graph.placeHolder(name(half), type, elements, elements);
  }

  /** Half of how many elements a matrix of this name turns; 0 if it is another. */
  static int half(String name) {
    Matcher matcher = NAME.matcher(name);
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : 0;
  }

  /** The quarter turn of each row of a block, perhaps in place. */
  static void turn(float[] out, float[] a, int rows, int columns, int half) {
    for (int row = 0; row < rows; row++) {
      turn(out, a, row * columns, half);
      Arrays.fill(out, row * columns + 2 * half, (row + 1) * columns, 0);
    }
  }

  private static void turn(float[] out, float[] a, int from, int half) {
    for (int i = from; i < from + half; i++) {
      float first = a[i];
      out[i] = -a[i + half];
      out[i + half] = first;
    }
  }
}
