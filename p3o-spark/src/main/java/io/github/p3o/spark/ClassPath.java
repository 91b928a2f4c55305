package io.github.p3o.spark;

import org.nd4j.linalg.factory.Nd4j;

/** Libraries that ND4J and Spark want in different versions. */
final class ClassPath {

  private static final String BUILDER = "com.google.flatbuffers.FlatBufferBuilder";

  private ClassPath() {}

  /**
   * Refuses a class path on which ND4J cannot differentiate, before it fails far below.
   *
   * @throws IllegalStateException names the library and the settings
   */
  static void check() {
    checkHas(BUILDER, "startObject");
  }

  static void checkHas(String type, String method) {
    try {
      Class.forName(type, false, Nd4j.class.getClassLoader()).getMethod(method, int.class);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "flatbuffers: expected 1.10, which ND4J needs, before Spark's own on the class path, got "
              + e
              + "; set spark.driver.userClassPathFirst and spark.executor.userClassPathFirst to"
              + " true",
          e);
    }
  }
}
