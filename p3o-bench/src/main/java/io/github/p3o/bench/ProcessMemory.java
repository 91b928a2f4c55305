package io.github.p3o.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Linux has counted of this process. */
final class ProcessMemory {

  private static final Path SELF = Path.of("/proc/self");

  private ProcessMemory() {}

  /** Whether this is Linux. */
  static boolean isCounted() {
    return Files.exists(SELF.resolve("status"));
  }

  /**
   * One of the counters.
   *
   * @param file status or smaps_rollup
   * @param counter such as VmHWM
   * @return bytes
   */
  static long bytes(String file, String counter) throws IOException {
    return Files.readAllLines(SELF.resolve(file)).stream()
            .filter(line -> line.startsWith(counter + ":"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .findAny()
            .orElseThrow()
        << 10;
  }

  /** The greatest part of it that ever lay in memory, in MiB. */
  static long peakMebibytes() throws IOException {
    return bytes("status", "VmHWM") >> 20;
  }
}
