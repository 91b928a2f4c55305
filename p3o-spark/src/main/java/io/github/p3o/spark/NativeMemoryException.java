package io.github.p3o.spark;

/** JavaCPP refused native memory within a task; see {@link Tasks#run}. */
final class NativeMemoryException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  NativeMemoryException(String message) {
    super(message);
  }

  /** With what JavaCPP said. */
  static NativeMemoryException after(String refusal) {
    return new NativeMemoryException(
        "native memory: expected to be enough for a task, got \""
            + refusal
            + "\"; raise spark.executor.memoryOverhead and org.bytedeco.javacpp.maxphysicalbytes,"
            + " for training as ExecutorMemory.measure says, or lower promptsPerMicroBatch");
  }
}
