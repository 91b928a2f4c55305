package io.github.p3o.internal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Native memory for the values of a program; a buffer whose value is dead serves the next one. */
final class BufferPool implements AutoCloseable {

  /** One native vector and how many uses of the values in it are still to come. */
  static final class Buffer {
    private final INDArray vector;
    private int pendingUses;

    private Buffer(INDArray vector) {
      this.vector = vector;
    }

    void addUses(int uses) {
      pendingUses += uses;
    }

    /** The first elements in this shape. */
    INDArray as(long... shape) {
      return Nd4j.create(
          vector.data(), shape, Nd4j.getStrides(shape, 'c'), 0, 'c', vector.dataType());
    }
  }

  private final List<Buffer> all = new ArrayList<>();
  private final List<Buffer> free = new ArrayList<>();

  Buffer take(DataType type, long length) {
    Buffer best =
        free.stream()
            .filter(b -> b.vector.dataType() == type && b.vector.length() >= length)
            // A far larger buffer is worth more to a later, larger value.
            .filter(b -> b.vector.length() <= Math.max(4 * length, 1024))
            .min(Comparator.comparingLong(b -> b.vector.length()))
            .orElse(null);
    if (best == null) {
      return create(type, length);
    }
    free.remove(best);
    best.pendingUses = 0;
    return best;
  }

  /**
   * A buffer for a value that is computed once: never one that steps before it write to, and never
   * free again.
   */
  Buffer takeForever(DataType type, long length) {
    Buffer buffer = create(type, length);
    buffer.addUses(1);
    return buffer;
  }

  private Buffer create(DataType type, long length) {
    Buffer buffer = new Buffer(Nd4j.create(type, Math.max(1, length)));
    all.add(buffer);
    return buffer;
  }

  /** Counts one use as done; after the last one the buffer is free. */
  void release(Buffer buffer) {
    buffer.pendingUses--;
    if (buffer.pendingUses <= 0) {
      free.add(buffer);
    }
  }

  /** Native bytes held. */
  long bytes() {
    return all.stream().mapToLong(b -> b.vector.length() * b.vector.dataType().width()).sum();
  }

  @Override
  public void close() {
    all.forEach(buffer -> buffer.vector.close());
    all.clear();
    free.clear();
  }
}
