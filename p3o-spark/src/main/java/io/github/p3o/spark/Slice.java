package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/** A slice of a gradient on its way; the first of a part has the part's other results with it. */
final class Slice implements Serializable {

  private static final long serialVersionUID = 1;

  private final int part;
  private final byte[] values;
  private final ImmutableList<PartResult> results;

  Slice(int part, byte[] values, ImmutableList<PartResult> results) {
    this.part = part;
    this.values = values;
    this.results = results;
  }

  byte[] values() {
    return values;
  }

  ImmutableList<PartResult> results() {
    return results;
  }

  /** The same slice of all parts, which come in any order, added up in the order of the parts. */
  static Slice sum(Iterator<Slice> arriving, DataType type) {
    List<Slice> parts =
        ImmutableList.sortedCopyOf(
            Comparator.comparingInt((Slice slice) -> slice.part), () -> arriving);
    return new Slice(
        0,
        VectorBytes.sum(parts.stream().map(Slice::values).toList(), type),
        parts.stream()
            .flatMap(slice -> slice.results.stream())
            .collect(ImmutableList.toImmutableList()));
  }
}
