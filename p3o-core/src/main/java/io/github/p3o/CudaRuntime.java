package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks CUDA's runtime about driver and device. By reflection: its bindings come with ND4J's CUDA
 * backend, which is the application's choice.
 */
class CudaRuntime {

  /** cudaDevAttrComputeCapabilityMajor and Minor. */
  private static final int MAJOR = 75;

  private static final int MINOR = 76;

  /** The least of the chips that the binaries of nd4j-cuda-11.2 hold machine code for. */
  private static final int LEAST = 35;

  /** The newest of them; what is newer runs the PTX for it, once the driver has compiled it. */
  private static final int NEWEST_GENERATION = 8;

  private static final Pattern DRIVER = Pattern.compile("Module.*?\\s(\\d+\\.[\\d.]+)");
  private static final Path DRIVER_FILE = Path.of("/proc/driver/nvidia/version");

  /** What cudaGetDeviceCount returns, 0 for no error; none where the runtime cannot be asked. */
  OptionalInt error() {
    try {
      return OptionalInt.of(
          (int) method("cudaGetDeviceCount", int[].class).invoke(null, (Object) new int[1]));
    } catch (ReflectiveOperationException | LinkageError e) {
      return OptionalInt.empty();
    }
  }

  /** The CUDA version that the driver serves, such as 12.4; "none" without a driver. */
  String driverVersion() {
    try {
      int[] version = new int[1];
      method("cudaDriverGetVersion", int[].class).invoke(null, (Object) version);
      return version[0] == 0 ? "none" : version[0] / 1000 + "." + version[0] % 1000 / 10;
    } catch (ReflectiveOperationException | LinkageError e) {
      return "unknown";
    }
  }

  /** Ten times the compute capability of device 0, such as 90; none if it cannot be asked. */
  OptionalInt capability() {
    try {
      Method attribute = method("cudaDeviceGetAttribute", int[].class, int.class, int.class);
      int[] major = new int[1];
      int[] minor = new int[1];
      attribute.invoke(null, major, MAJOR, 0);
      attribute.invoke(null, minor, MINOR, 0);
      return OptionalInt.of(10 * major[0] + minor[0]);
    } catch (ReflectiveOperationException | LinkageError e) {
      return OptionalInt.empty();
    }
  }

  private static Method method(String name, Class<?>... parameters)
      throws ReflectiveOperationException {
    return Class.forName("org.bytedeco.cuda.global.cudart").getMethod(name, parameters);
  }

  /**
   * Refuses a chip that ND4J's binaries have no code for.
   *
   * @throws BackendException names the chip
   */
  void checkDevice() {
    int capability = capability().orElse(LEAST);
    if (capability < LEAST) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "device: expected compute capability 3.5 or higher, got %s; ND4J's binaries have no"
                  + " code for older chips",
              version(capability)));
    }
  }

  /** What is going on while ND4J starts for so long. */
  String describeCompilation(Duration time) {
    int capability = capability().orElse(LEAST);
    if (capability / 10 <= NEWEST_GENERATION) {
      return String.format(
          Locale.ROOT, "ND4J on CUDA: still starting after %s s", time.toSeconds());
    }
    String size = environment().get("CUDA_CACHE_MAXSIZE");
    return String.format(
        Locale.ROOT,
        "ND4J on CUDA: the driver compiles ND4J's kernels for compute capability %s, %s s so far;"
            + " this takes many minutes, once: the driver keeps the result in ~/.nv/ComputeCache,"
            + " %s",
        version(capability),
        time.toSeconds(),
        size == null
            ? "if there is room; set CUDA_CACHE_MAXSIZE=4294967296"
            : "where CUDA_CACHE_MAXSIZE gives it " + size + " bytes");
  }

  Map<String, String> environment() {
    return System.getenv();
  }

  private static String version(int capability) {
    return capability / 10 + "." + capability % 10;
  }

  /** Device and driver, from what ND4J's executioner tells of its environment. */
  static String describe(Properties environment) {
    Object devices = environment.get("cuda.devicesInformation");
    Map<?, ?> device =
        devices instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof Map<?, ?> map
            ? map
            : ImmutableMap.of();
    long bytes = device.get("cuda.totalMemory") instanceof Number n ? n.longValue() : 0;
    return String.format(
        Locale.ROOT,
        "CUDA, %s, compute capability %s.%s, %d GiB, driver %sfor CUDA %s",
        device.get("cuda.deviceName"),
        device.get("cuda.deviceMajor"),
        device.get("cuda.deviceMinor"),
        bytes >> 30,
        driverRelease(),
        new CudaRuntime().driverVersion());
  }

  /** Linux tells the release of the driver, such as "550.54.15 "; elsewhere "". */
  private static String driverRelease() {
    try {
      return Files.isReadable(DRIVER_FILE) ? driverRelease(Files.readString(DRIVER_FILE)) : "";
    } catch (IOException e) {
      return "";
    }
  }

  static String driverRelease(String text) {
    Matcher matcher = DRIVER.matcher(text);
    return matcher.find() ? matcher.group(1) + " " : "";
  }
}
