package io.github.p3o.spark;

import org.apache.spark.sql.SparkSession;

/** Spark applications for tests. */
final class Sessions {

  private Sessions() {}

  /** In this process, on some threads. */
  static SparkSession local(int threads) {
    return builder("local[" + threads + "]").getOrCreate();
  }

  static SparkSession.Builder builder(String master) {
    return SparkSession.builder()
        .master(master)
        .appName("p3o-test")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "3");
  }
}
