package io.github.p3o;

import com.google.common.base.Throwables;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Turns what a backend of ND4J throws when it cannot start into a cause and its mend. */
final class BackendProblem {

  /** As the dynamic linker of Linux says it. */
  private static final Pattern MISSING =
      Pattern.compile("(lib[^\\s/:]+\\.so[.\\d]*): cannot open shared object file");

  /** As JavaCPP says it, at first or in a cause. */
  private static final Pattern NO_NATIVES = Pattern.compile("Could not find (jni\\w+) in class");

  private static final Pattern NO_CODE =
      Pattern.compile("no kernel image|invalid device function|kernel image is invalid");

  private static final Pattern OLD_PTX =
      Pattern.compile("unsupported toolchain|PTX JIT|invalid PTX");

  private static final String DRIVER =
      "driver: expected NVIDIA's (libcuda.so.1), got none; install it until nvidia-smi lists the"
          + " device, and start a container with --gpus all";

  private BackendProblem() {}

  /** The cause and the mend, in one line. */
  static String of(Throwable failure, CudaRuntime cuda) {
    String text =
        Throwables.getCausalChain(failure).stream()
            .map(Throwable::toString)
            .collect(Collectors.joining("\n"));
    Matcher missing = MISSING.matcher(text);
    if (missing.find()) {
      return ofLibrary(missing.group(1));
    }
    Matcher natives = NO_NATIVES.matcher(text);
    if (natives.find()) {
      return String.format(
          Locale.ROOT,
          "natives: expected %s on the class path, got none; add %s a second time, with the"
              + " classifier of the platform, such as linux-x86_64",
          natives.group(1),
          artifactOf(natives.group(1)));
    }
    if (text.contains("No CUDA devices were found")) {
      return ofDevices(cuda);
    }
    if (NO_CODE.matcher(text).find()) {
      return "device: expected code for its chip in ND4J's binaries, got none; take"
          + " org.nd4j:nd4j-cuda-11.2:1.0.0-M1.1, the only one whose code newer chips can compile";
    }
    if (OLD_PTX.matcher(text).find()) {
      return String.format(
          Locale.ROOT,
          "driver: expected one that compiles for CUDA 11.2 or newer, got one for CUDA %s; install"
              + " a newer one",
          cuda.driverVersion());
    }
    return "backend: expected ND4J to start, got " + Throwables.getRootCause(failure);
  }

  private static String ofLibrary(String name) {
    if (name.startsWith("libcuda.so")) {
      return DRIVER;
    }
    if (name.startsWith("libcu")) {
      return String.format(
          Locale.ROOT,
          "library: expected %s of CUDA 11, got none; add org.bytedeco:cuda:11.8-8.6-1.5.8 with"
              + " classifier linux-x86_64-redist to the class path, or install CUDA 11.8 and name"
              + " its lib64 in LD_LIBRARY_PATH (libraries of CUDA 12 and 13 have other names)",
          name);
    }
    return String.format(
        Locale.ROOT, "library: expected %s, got none; install it on this machine", name);
  }

  private static String artifactOf(String natives) {
    return switch (natives) {
      case "jnind4jcuda" -> "org.nd4j:nd4j-cuda-11.2";
      case "jnind4jcpu" -> "org.nd4j:nd4j-native";
      case "jnijavacpp" -> "org.bytedeco:javacpp";
      default -> natives.startsWith("jnicu") ? "org.bytedeco:cuda" : "its artifact";
    };
  }

  private static String ofDevices(CudaRuntime cuda) {
    int insufficientDriver = 35;
    int error = cuda.error().orElse(0);
    if (error == insufficientDriver) {
      return String.format(
          Locale.ROOT,
          "driver: expected one for CUDA 11.2 or newer, got %s; install a newer one",
          cuda.driverVersion().equals("none")
              ? "a stand-in without a driver"
              : "one for CUDA " + cuda.driverVersion());
    }
    return String.format(
        Locale.ROOT,
        "device: expected a CUDA device, got none (CUDA's error %d, CUDA_VISIBLE_DEVICES=%s);"
            + " nvidia-smi lists those of this machine",
        error,
        cuda.environment().getOrDefault("CUDA_VISIBLE_DEVICES", "unset"));
  }
}
