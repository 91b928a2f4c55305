package io.github.p3o.testing;

import io.github.p3o.internal.ExclusiveLock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** Another process that holds the lock of a file, or says that it cannot. */
public final class LockingProcess implements AutoCloseable {

  private final Process process;
  private final boolean holds;

  private LockingProcess(Path file) throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                LockingProcess.class.getName(),
                file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    holds = "true".equals(process.inputReader(StandardCharsets.UTF_8).readLine());
  }

  /** One that holds it until it is closed. */
  public static LockingProcess holding(Path file) throws Exception {
    LockingProcess other = new LockingProcess(file);
    if (!other.holds) {
      other.close();
      throw new IllegalStateException(file + ": expected a lock that nobody has");
    }
    return other;
  }

  /** Whether another process could take it now. */
  public static boolean canTake(Path file) throws Exception {
    try (LockingProcess other = new LockingProcess(file)) {
      return other.holds;
    }
  }

  /** Kills it. */
  @Override
  public void close() throws InterruptedException {
    process.toHandle().destroyForcibly();
    process.waitFor();
  }

  /**
   * Takes the lock, says whether it has it, and waits to be killed.
   *
   * @param args the file
   */
  public static void main(String[] args) throws Exception {
    Optional<ExclusiveLock> lock = ExclusiveLock.take(Path.of(args[0]));
    System.out.println(lock.isPresent());
    System.in.read(); // the end of what the parent may write, should it die first
  }
}
