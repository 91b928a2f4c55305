package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class SliceTest {

  private static Slice slice(int part, double value) {
    PartResult result =
        new PartResult(ImmutableDoubleArray.of(value), part, ImmutableMap.of(), 0.1);
    byte[] values = VectorBytes.read(Nd4j.createFromArray(value), 1)[0];
    return new Slice(part, values, ImmutableList.of(result));
  }

  /** In float64 (1e17 - 1e17) + 1 is 1, and in any other order it is 0. */
  @Test
  void sum_ofPartsInAnyOrder_isInTheOrderOfTheirNumbers() {
    Slice first = slice(0, 1e17);
    Slice second = slice(1, -1e17);
    Slice third = slice(2, 1);
    byte[] expected = VectorBytes.read(Nd4j.createFromArray(1.0), 1)[0];
    for (List<Slice> arriving :
        List.of(List.of(first, second, third), List.of(third, first, second))) {
      Slice sum = Slice.sum(arriving.iterator(), DataType.DOUBLE);
      assertThat(sum.values()).isEqualTo(expected);
      assertThat(sum.results()).extracting(PartResult::loss).containsExactly(0.0, 1.0, 2.0);
    }
  }
}
