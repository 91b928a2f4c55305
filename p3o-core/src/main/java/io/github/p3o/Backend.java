package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.internal.DeviceThread;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.Locale;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The backend of ND4J that computes: the CPU's or CUDA's, whichever the application has on its
 * class path.
 */
public final class Backend {

  private static final Logger log = LoggerFactory.getLogger(Backend.class);

  /** After this long a start is worth a word: all of them but a compilation are shorter. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** How the start went: what cannot start once does not start later, with a poorer text. */
  private record Outcome(String line, @Nullable BackendException failure) {}

  private static @Nullable Outcome outcome;

  private Backend() {}

  /**
   * Starts ND4J's backend, unless that is done, and logs one line that says which it is. Policies
   * and trainers call this; an application that uses ND4J before them calls it first, because ND4J
   * itself says little about why a backend cannot start, and quietly takes the CPU where CUDA's
   * cannot and both are there. On a device each thread calls it that sums with ND4J itself: it sets
   * memory to 0 that ND4J counts in and does not clear.
   *
   * @return that line, such as {@code CPU, OpenBLAS 0.3.31-1.5.13, 2 threads} or {@code CUDA,
   *     NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB, driver 550.54.15 for CUDA 12.4}
   * @throws BackendException if no backend can start; each call throws it again
   */
  @CanIgnoreReturnValue
  public static synchronized String start() {
    Outcome known = outcome;
    if (known == null) {
      known = tryToStart();
      outcome = known;
    }
    if (known.failure() != null) {
      throw known.failure();
    }
    DeviceThread.prepare();
    return known.line();
  }

  private static Outcome tryToStart() {
    try {
      String line = start(backends());
      log.info("ND4J on {}", line);
      return new Outcome(line, null);
    } catch (BackendException e) {
      return new Outcome("", e);
    }
  }

  /** Of a backend whose main artifact is missing, another artifact still tells the name. */
  private static ImmutableList<Nd4jBackend> backends() {
    try {
      return ImmutableList.copyOf(ServiceLoader.load(Nd4jBackend.class));
    } catch (ServiceConfigurationError e) {
      return ImmutableList.of();
    }
  }

  /** Starts the one of these that ND4J will choose, the first in its order of priority. */
  static String start(ImmutableList<Nd4jBackend> backends) {
    Nd4jBackend backend =
        backends.stream()
            .max(Comparator.comparingInt(Nd4jBackend::getPriority))
            .orElseThrow(
                () ->
                    new BackendException(
                        "backend: expected one of ND4J on the class path, got none; add"
                            + " org.nd4j:nd4j-native:1.0.0-M1.1 (CPU) or"
                            + " org.nd4j:nd4j-cuda-11.2:1.0.0-M1.1 (NVIDIA GPUs), each also with"
                            + " the classifier of the platform, such as linux-x86_64"));
    CudaRuntime cuda = new CudaRuntime();
    try {
      if (!isCuda(backend)) {
        Nd4j.getBackend();
        limitThreads();
        return describeCpu();
      }
      backend.canRun(); // throws what ND4J would only print
      cuda.checkDevice();
      return CompilationWatch.during(
          Backend::startOnDevice, PATIENCE, time -> log.warn("{}", cuda.describeCompilation(time)));
    } catch (LinkageError | RuntimeException e) {
      String text = e instanceof BackendException ? e.getMessage() : BackendProblem.of(e, cuda);
      boolean hasCpu = isCuda(backend) && !backends.stream().allMatch(Backend::isCuda);
      String instead = hasCpu ? "; to compute on the CPU take nd4j-cuda off the class path" : "";
      throw new BackendException(text + instead, e);
    }
  }

  /** By name: its class is not on the class path of a CPU's build. */
  private static boolean isCuda(Nd4jBackend backend) {
    return backend.getClass().getSimpleName().equals("JCublasBackend");
  }

  /**
   * ND4J takes as many threads as the machine has cores, also where a container, an affinity or
   * {@code -XX:ActiveProcessorCount} leaves the process fewer: they then wait in loops for each
   * other, at several times the cost. Whoever sets OMP_NUM_THREADS is obeyed.
   */
  private static void limitThreads() {
    int processors = Runtime.getRuntime().availableProcessors();
    if (System.getenv("OMP_NUM_THREADS") == null && threads() > processors) {
      Nd4j.getEnvironment().setMaxMasterThreads(processors);
      Nd4j.factory().blas().setMaxThreads(processors);
    }
  }

  private static int threads() {
    return Math.max(
        Nd4j.getEnvironment().maxMasterThreads(), Nd4j.factory().blas().getMaxThreads());
  }

  private static String describeCpu() {
    String openblas;
    try {
      openblas = Loader.getVersion("org.bytedeco", "openblas");
    } catch (IOException e) {
      openblas = "of unknown version";
    }
    return String.format(
        Locale.ROOT,
        "CPU, OpenBLAS %s, %d %s",
        openblas,
        threads(),
        threads() == 1 ? "thread" : "threads");
  }

  /** Computes something, so that a device that cannot is found now, and waits for it. */
  private static String startOnDevice() {
    try (INDArray numbers = Nd4j.createFromArray(1f, 2f)) {
      float[] sums = numbers.addi(1).toFloatVector();
      if (sums[0] != 2 || sums[1] != 3) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "device: expected 1 + 1 = 2 and 2 + 1 = 3, got %s and %s; the chip and ND4J's"
                    + " binaries do not fit together, see docs/gpu.md",
                sums[0],
                sums[1]));
      }
    }
    return CudaRuntime.describe(Nd4j.getExecutioner().getEnvironmentInformation());
  }
}
