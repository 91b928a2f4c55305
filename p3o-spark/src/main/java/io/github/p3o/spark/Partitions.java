package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

/** How many tasks the work is divided into. */
final class Partitions {

  private Partitions() {}

  static void check(int partitions) {
    checkArgument(partitions >= 1, "partitions: expected at least 1, got %s", partitions);
  }
}
