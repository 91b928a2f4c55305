package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The exceptions are those that nd4j-cuda-11.2 1.0.0-M1.1 throws where something is missing. */
class BackendProblemTest {

  /** A machine with this error of cudaGetDeviceCount and this driver. */
  private static CudaRuntime cuda(int error, String driver) {
    return new CudaRuntime() {
      @Override
      OptionalInt error() {
        return OptionalInt.of(error);
      }

      @Override
      String driverVersion() {
        return driver;
      }

      @Override
      Map<String, String> environment() {
        return ImmutableMap.of("CUDA_VISIBLE_DEVICES", "7");
      }
    };
  }

  private static String problem(Throwable failure) {
    return BackendProblem.of(failure, cuda(0, "12.4"));
  }

  /** As JavaCPP throws it where the dynamic linker refuses a library. */
  private static Throwable missing(String needing, String missing) {
    Throwable cause =
        new UnsatisfiedLinkError(
            String.format(
                Locale.ROOT,
                "/tmp/cache/linux-x86_64/lib%s.so: %s: cannot open shared object file: No such file"
                    + " or directory",
                needing,
                missing));
    return new UnsatisfiedLinkError("no " + needing + " in java.library.path: /usr/lib")
        .initCause(cause);
  }

  private static Throwable noDevices() {
    return new RuntimeException("No CUDA devices were found in system");
  }

  @Test
  void of_missingDriver_saysToInstallIt() {
    assertThat(problem(missing("jnicudart", "libcuda.so.1")))
        .startsWith("driver: expected NVIDIA's (libcuda.so.1), got none")
        .contains("nvidia-smi", "--gpus all");
  }

  @ParameterizedTest
  @CsvSource({
    "jnicudart, libcudart.so.11.0",
    "jnicublas, libcublas.so.11",
    "jnind4jcuda, libcusolver.so.11"
  })
  void of_missingLibraryOfCuda_namesItAndTheArtifactThatBringsIt(String needing, String library) {
    assertThat(problem(missing(needing, library)))
        .startsWith("library: expected " + library + " of CUDA 11, got none")
        .contains("org.bytedeco:cuda:11.8-8.6-1.5.8", "linux-x86_64-redist", "LD_LIBRARY_PATH");
  }

  @Test
  void of_otherMissingLibrary_namesIt() {
    assertThat(problem(missing("jnind4jcuda", "libgomp.so.1")))
        .startsWith("library: expected libgomp.so.1, got none");
  }

  @ParameterizedTest
  @CsvSource({
    "jnind4jcuda, org.nd4j:nd4j-cuda-11.2",
    "jnind4jcpu, org.nd4j:nd4j-native",
    "jnicudart, org.bytedeco:cuda",
    "jnijavacpp, org.bytedeco:javacpp"
  })
  void of_missingNatives_namesTheArtifactThatHasThem(String natives, String artifact) {
    Throwable failure =
        new ExceptionInInitializerError(
            new UnsatisfiedLinkError("no " + natives + " in java.library.path: /usr/lib")
                .initCause(
                    new UnsatisfiedLinkError(
                        "Could not find " + natives + " in class, module, and library paths.")));
    assertThat(problem(failure)).startsWith("natives: ").contains(artifact, "classifier");
  }

  @Test
  void of_noDevicesAndOldDriver_saysWhichDriverIsThere() {
    assertThat(BackendProblem.of(noDevices(), cuda(35, "11.0")))
        .isEqualTo(
            "driver: expected one for CUDA 11.2 or newer, got one for CUDA 11.0; install a newer"
                + " one");
  }

  @Test
  void of_noDevicesAndStub_saysThatItIsNoDriver() {
    assertThat(BackendProblem.of(noDevices(), cuda(35, "none")))
        .contains("got a stand-in without a driver");
  }

  @Test
  void of_noDevices_namesWhatMayHideThem() {
    assertThat(BackendProblem.of(noDevices(), cuda(100, "12.4")))
        .startsWith("device: expected a CUDA device, got none")
        .contains("error 100", "CUDA_VISIBLE_DEVICES=7");
  }

  @Test
  void of_chipWithoutCode_namesTheArtifactThatHasSome() {
    assertThat(
            problem(
                new RuntimeException(
                    "CUDA error: no kernel image is available for execution on the device")))
        .startsWith("device: expected code for its chip")
        .contains("nd4j-cuda-11.2:1.0.0-M1.1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "the provided PTX was compiled with an unsupported toolchain.",
        "PTX JIT compilation failed"
      })
  void of_driverThatCannotCompile_saysWhichDriverIsThere(String error) {
    assertThat(problem(new RuntimeException(error))).startsWith("driver: ").contains("CUDA 12.4");
  }

  @Test
  void of_somethingElse_showsItsRootCause() {
    assertThat(problem(new RuntimeException(new IllegalStateException("out of luck"))))
        .contains("IllegalStateException", "out of luck");
  }
}
