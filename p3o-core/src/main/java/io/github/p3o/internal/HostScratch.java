package io.github.p3o.internal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/** What one thread computes in: native memory for products, and an array for everything else. */
final class HostScratch {

  // The JVM's memory, as a scope of JavaCPP around the caller would free its own.
  private final FloatBuffer buffer;
  private final FloatPointer pointer;
  private final float[] array;

  HostScratch(int length) {
    buffer =
        ByteBuffer.allocateDirect(length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    pointer = new FloatPointer(buffer);
    array = new float[length];
  }

  float[] array() {
    return array;
  }

  FloatMatrix matrix(int columns) {
    return new FloatMatrix(pointer, columns);
  }

  /** Native memory to the array. */
  void read(int count) {
    buffer.get(0, array, 0, count);
  }

  /** The array to native memory. */
  void write(int count) {
    buffer.put(0, array, 0, count);
  }
}
