package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

class BufferPoolTest {

  @Test
  void release_afterTheLastUse_givesTheMemoryToTheNext() {
    try (BufferPool.Arena arena = new BufferPool.Arena();
        BufferPool pool = new BufferPool(arena)) {
      BufferPool.Buffer first = pool.take(DataType.FLOAT, 8);
      first.addUses(2);
      pool.release(first);
      assertThat(pool.take(DataType.FLOAT, 8)).isNotSameAs(first);
      pool.release(first);
      assertThat(pool.take(DataType.FLOAT, 8)).isSameAs(first);
    }
  }

  /** However many read it, and whether their uses were counted or not. */
  @Test
  void release_ofWhatWasTakenForever_givesItToNobody() {
    try (BufferPool.Arena arena = new BufferPool.Arena();
        BufferPool pool = new BufferPool(arena)) {
      BufferPool.Buffer forever = pool.takeForever(DataType.FLOAT, 8);
      forever.addUses(1);
      for (int i = 0; i < 3; i++) {
        pool.release(forever);
        assertThat(pool.take(DataType.FLOAT, 8)).isNotSameAs(forever);
      }
    }
  }

  @Test
  @Tag("device") // a CPU's system gives memory that it does not have
  void take_ofMoreThanThereIs_saysHowMuchAndWhatHelps() {
    try (BufferPool.Arena arena = new BufferPool.Arena();
        BufferPool pool = new BufferPool(arena)) {
      assertThatThrownBy(() -> pool.take(DataType.FLOAT, 1L << 40))
          .isInstanceOf(OutOfMemoryError.class)
          .hasMessageStartingWith(
              "memory: expected room for 4,398,046,511,104 bytes of FLOAT, got none;");
      assertThat(pool.take(DataType.FLOAT, 8)).isNotNull();
    }
  }
}
