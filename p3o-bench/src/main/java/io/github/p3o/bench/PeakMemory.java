package io.github.p3o.bench;

import java.io.IOException;
import java.util.Locale;

/**
 * Prints the greatest memory that a process of its own needed for three training steps: {@code
 * PeakMemory M1|M10|M40 library|pytorch}. Linux only. Give the JVM a small heap ({@code -Xmx256m}),
 * or the garbage that it lets lie counts too.
 */
public final class PeakMemory {

  private PeakMemory() {}

  /** Trains, and reads what the system has counted. */
  public static void main(String[] args) throws IOException {
    if (args.length != 2) {
      throw new IllegalArgumentException("expected M1|M10|M40 library|pytorch, got nothing");
    }
    ModelSize size = ModelSize.valueOf(args[0]);
    try (ModelTask task = new ModelTask(size)) {
      long before = ProcessMemory.bytes("status", "VmRSS") >> 20;
      for (int i = 0; i < 3; i++) {
        if (args[1].equals("library")) {
          task.libraryStep();
        } else {
          task.pytorchStep();
        }
      }
      System.out.printf(
          Locale.ROOT,
          "%s %s: %,d MiB at most, %,d MiB before the first step%n",
          size,
          args[1],
          ProcessMemory.peakMebibytes(),
          before);
    }
  }
}
