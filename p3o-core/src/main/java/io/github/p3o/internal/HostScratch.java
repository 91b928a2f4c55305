package io.github.p3o.internal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * What one thread computes in: native memory for products, and an array for everything else.
 *
 * @param buffer of the JVM, as a scope of JavaCPP around the caller would free its own
 * @param pointer to the buffer
 * @param array as long
 */
record HostScratch(FloatBuffer buffer, FloatPointer pointer, float[] array) {

  HostScratch(int length) {
    this(
        ByteBuffer.allocateDirect(length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer(),
        new float[length]);
  }

  private HostScratch(FloatBuffer buffer, float[] array) {
    this(buffer, new FloatPointer(buffer), array);
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
