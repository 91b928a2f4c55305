package io.github.p3o.spark;

/**
 * JavaCPP refused native memory within a task. It carries words alone: Spark ends an executor for
 * an {@link OutOfMemoryError}, and for whatever has one as its cause, though here the executor is
 * sound, and another attempt may find room.
 */
final class NativeMemoryException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  NativeMemoryException(String message) {
    super(message);
  }

  /** For JavaCPP's refusal; an error of the heap is thrown as it is. */
  static NativeMemoryException of(OutOfMemoryError e) {
    String message = String.valueOf(e.getMessage());
    if (!message.contains("physicalBytes")) {
      throw e;
    }
    return new NativeMemoryException(
        "native memory: expected to be enough for a task, got \""
            + message
            + "\"; raise spark.executor.memoryOverhead and org.bytedeco.javacpp.maxphysicalbytes,"
            + " as ExecutorMemory.measure says, or lower promptsPerMicroBatch");
  }
}
