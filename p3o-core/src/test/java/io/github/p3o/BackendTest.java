package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.common.io.Resource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;
import org.nd4j.linalg.ops.transforms.Transforms;

class BackendTest {

  private static final int N = 512;

  @Test
  void mmul_ofOnesAndRamp_sumsTheRampInEveryRow() {
    Backend.start();
    INDArray ones = Nd4j.ones(DataType.DOUBLE, N, N);
    INDArray ramp = Nd4j.arange(N).castTo(DataType.DOUBLE).reshape(N, 1).mmul(ones.getRow(0, true));

    INDArray product = ones.mmul(ramp);

    // 0 + 1 + ... + 511, exact in float64
    assertThat(product.minNumber().doubleValue()).isEqualTo(N * (N - 1) / 2.0);
    assertThat(product.maxNumber().doubleValue()).isEqualTo(N * (N - 1) / 2.0);
  }

  @Test
  void exp_ofOne_isE() {
    INDArray e = Transforms.exp(Nd4j.ones(DataType.DOUBLE, 3));

    assertThat(e.toDoubleVector()).containsExactly(Math.E, Math.E, Math.E);
  }

  @Test
  @Tag("cpu") // CUDA's brings no OpenBLAS
  void versions_ofJavaCppAndItsNatives_agree() throws IOException {
    String backend = Nd4j.getBackend().getClass().getSimpleName();
    String javacpp = Loader.getVersion();
    String openblas = Loader.getVersion("org.bytedeco", "openblas");
    System.out.printf("backend %s, JavaCPP %s, OpenBLAS %s%n", backend, javacpp, openblas);

    assertThat(openblas).endsWith("-" + javacpp);
  }

  @Test
  @Tag("cpu")
  void start_onTheCpu_namesBlasAndThreads() {
    assertThat(Backend.start()).matches("CPU, OpenBLAS [\\d.-]+, \\d+ threads?");
  }

  @Test
  @Tag("cpu")
  @Timeout(120)
  void start_withFewerProcessorsThanTheMachine_takesNoMoreThreads() throws Exception {
    assertThat(lineOfAProcess("")).matches("CPU, .*, 1 thread");
    assertThat(lineOfAProcess("3")).matches("CPU, .*, 3 threads"); // asked for, obeyed
  }

  private static String lineOfAProcess(String threads) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:ActiveProcessorCount=1",
            "-cp",
            System.getProperty("java.class.path"),
            Start.class.getName());
    builder.environment().remove("OMP_NUM_THREADS");
    if (!threads.isEmpty()) {
      builder.environment().put("OMP_NUM_THREADS", threads);
    }
    Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out.lines()
        .filter(line -> line.startsWith("line: "))
        .findFirst()
        .orElseThrow()
        .substring("line: ".length());
  }

  /** A process that starts the backend and says how. */
  static final class Start {

    private Start() {}

    public static void main(String[] arguments) {
      System.out.println("line: " + Backend.start());
    }
  }

  @Test
  @Tag("device")
  void start_onADevice_namesItAndItsDriver() {
    assertThat(Backend.start()).matches("CUDA, .+, compute capability \\d+\\.\\d, .* driver .+");
  }

  @Test
  void start_nothingOnTheClassPath_namesTheArtifacts() {
    assertThatThrownBy(() -> Backend.start(ImmutableList.of()))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("nd4j-native:1.0.0-M1.1")
        .hasMessageContaining("nd4j-cuda-11.2:1.0.0-M1.1");
  }

  @Test
  void start_cudaThatCannotBesideACpuThatCan_doesNotFallBackInSilence() {
    ImmutableList<Nd4jBackend> both =
        ImmutableList.of(new CpuBackend(), new JCublasBackend("libcuda.so.1"));

    assertThatThrownBy(() -> Backend.start(both))
        .isInstanceOf(BackendException.class)
        .hasMessageStartingWith("driver: ")
        .hasMessageEndingWith("to compute on the CPU take nd4j-cuda off the class path");
  }

  @Test
  void start_cudaThatCannotAlone_doesNotSpeakOfTheCpu() {
    assertThatThrownBy(() -> Backend.start(ImmutableList.of(new JCublasBackend("libcublas.so.11"))))
        .isInstanceOf(BackendException.class)
        .hasMessageStartingWith("library: expected libcublas.so.11")
        .hasMessageNotContaining("CPU");
  }

  /** The least of a backend. */
  private static class CpuBackend extends Nd4jBackend {
    @Override
    public boolean allowsOrder() {
      return false;
    }

    @Override
    public int getPriority() {
      return BACKEND_PRIORITY_CPU;
    }

    @Override
    public boolean isAvailable() {
      return canRun();
    }

    @Override
    public boolean canRun() {
      return true;
    }

    @Override
    public Resource getConfigurationResource() {
      throw new AssertionError("not to be asked");
    }

    @Override
    @SuppressWarnings("rawtypes") // as ND4J declares it
    public Class getNDArrayClass() {
      throw new AssertionError("not to be asked");
    }

    @Override
    public Environment getEnvironment() {
      throw new AssertionError("not to be asked");
    }

    @Override
    public String buildInfo() {
      return "";
    }

    @Override
    public void logBackendInit() {}
  }

  /** Of ND4J's name, and without one library. */
  private static final class JCublasBackend extends CpuBackend {
    private final String missing;

    private JCublasBackend(String missing) {
      this.missing = missing;
    }

    @Override
    public int getPriority() {
      return BACKEND_PRIORITY_GPU;
    }

    @Override
    public boolean canRun() {
      throw new UnsatisfiedLinkError(missing + ": cannot open shared object file");
    }
  }
}
