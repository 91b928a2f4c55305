package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

@Tag("device")
class DeviceThreadTest {

  private static final int MEBIBYTE = 1 << 20;

  /** A thread's memory for reductions comes from what others have used and given back. */
  @Test
  void prepare_inAThreadThatComesLater_letsItSum() throws Exception {
    List<INDArray> used = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      used.add(Nd4j.ones(DataType.INT32, 2 * MEBIBYTE)); // as much as ND4J takes for a thread
    }
    Nd4j.getExecutioner().commit();
    used.forEach(INDArray::close);
    INDArray ones = Nd4j.ones(DataType.FLOAT, MEBIBYTE);

    ExecutorService later = Executors.newSingleThreadExecutor();
    try {
      List<Double> sums =
          later
              .submit(
                  () -> {
                    DeviceThread.prepare();
                    List<Double> each = new ArrayList<>();
                    for (int i = 0; i < 3; i++) {
                      each.add(ones.sumNumber().doubleValue());
                    }
                    return each;
                  })
              .get();
      assertThat(sums).containsOnly((double) MEBIBYTE);
    } finally {
      later.shutdown();
    }
  }
}
