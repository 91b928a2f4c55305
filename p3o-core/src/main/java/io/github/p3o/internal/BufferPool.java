package io.github.p3o.internal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Native memory for the values of a program; a buffer whose value is dead serves the next one. */
final class BufferPool implements AutoCloseable {

  /**
   * Native memory of several programs that never run at the same time: each lays its values over
   * those of the others, so that all together need no more than the largest.
   */
  static final class Arena implements AutoCloseable {
    private final List<INDArray> vectors = new ArrayList<>();

    /** A vector that is not among those that the program already has. */
    private INDArray claim(DataType type, long length, List<Buffer> taken) {
      INDArray claimed =
          vectors.stream()
              .filter(v -> v.dataType() == type && fits(v, length))
              .filter(v -> taken.stream().noneMatch(buffer -> buffer.vector == v))
              .min(Comparator.comparingLong(INDArray::length))
              .orElse(null);
      if (claimed == null) {
        claimed = create(type, length);
        vectors.add(claimed);
      }
      return claimed;
    }

    /** Native bytes held. */
    long bytes() {
      return BufferPool.bytes(vectors.stream());
    }

    /** Frees all vectors but those of one program; the other programs are closed. */
    void retain(BufferPool pool) {
      List<INDArray> kept = pool.shared.stream().map(buffer -> buffer.vector).toList();
      for (INDArray vector : vectors) {
        if (kept.stream().noneMatch(k -> k == vector)) {
          vector.close();
        }
      }
      vectors.clear();
      vectors.addAll(kept);
    }

    @Override
    public void close() {
      vectors.forEach(INDArray::close);
      vectors.clear();
    }
  }

  /** Long enough, but not so long that it were worth more to a longer value. */
  private static boolean fits(INDArray vector, long length) {
    return vector.length() >= length && vector.length() <= Math.max(4 * length, 1024);
  }

  private static long bytes(Stream<INDArray> vectors) {
    return vectors.mapToLong(v -> v.length() * v.dataType().width()).sum();
  }

  /** One native vector and how many uses of the values in it are still to come. */
  static final class Buffer {
    private final INDArray vector;
    private final boolean forever;
    private int pendingUses;

    private Buffer(INDArray vector, boolean forever) {
      this.vector = vector;
      this.forever = forever;
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

  private final Arena arena;
  private final List<Buffer> shared = new ArrayList<>();
  private final List<Buffer> own = new ArrayList<>();
  private final List<Buffer> free = new ArrayList<>();

  BufferPool(Arena arena) {
    this.arena = arena;
  }

  Buffer take(DataType type, long length) {
    Buffer best =
        free.stream()
            .filter(b -> b.vector.dataType() == type && fits(b.vector, length))
            .min(Comparator.comparingLong(b -> b.vector.length()))
            .orElse(null);
    if (best == null) {
      best = new Buffer(arena.claim(type, length, shared), false);
      shared.add(best);
      return best;
    }
    free.remove(best);
    best.pendingUses = 0;
    return best;
  }

  /** ND4J's error names neither what was asked for nor what may help. */
  private static INDArray create(DataType type, long length) {
    try {
      return Nd4j.create(type, Math.max(1, length));
    } catch (RuntimeException e) {
      if (String.valueOf(e.getMessage()).contains("allocation failed")) {
        throw new NativeMemoryError(
            String.format(
                Locale.ROOT,
                "memory: expected room for %,d bytes of %s, got none; a smaller"
                    + " promptsPerMicroBatch needs less, also on a resume from the last checkpoint",
                length * type.width(),
                type),
            e);
      }
      throw e;
    }
  }

  /**
   * A buffer for a value that is computed once: never one that steps before it write to, and never
   * free again.
   */
  Buffer takeForever(DataType type, long length) {
    Buffer buffer = new Buffer(create(type, length), true);
    own.add(buffer);
    return buffer;
  }

  /** Counts one use as done; after the last one the buffer is free, unless it is never. */
  void release(Buffer buffer) {
    buffer.pendingUses--;
    if (buffer.pendingUses <= 0 && !buffer.forever) {
      free.add(buffer);
    }
  }

  /** Native bytes that the program uses, shared ones included. */
  long bytes() {
    return bytes(Stream.concat(shared.stream(), own.stream()).map(buffer -> buffer.vector));
  }

  /** Frees what is not shared. */
  @Override
  public void close() {
    own.forEach(buffer -> buffer.vector.close());
    own.clear();
    shared.clear();
    free.clear();
  }
}
