package io.github.p3o.internal;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Real checkpoints and data sets that may lie beside the project, in {@code ../shared/data}. */
public final class SharedData {

  private SharedData() {}

  /** A file or directory there; the test is skipped, with a message, where it is absent. */
  public static Path require(String relative) {
    Path module = Path.of("").toAbsolutePath();
    Path root = Files.exists(module.resolve("mvnw")) ? module : module.resolve("..");
    Path path = root.resolve("../shared/data").resolve(relative).normalize();
    assumeTrue(Files.exists(path), "skipped: no " + path);
    return path;
  }
}
