package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaRuntimeTest {

  private static CudaRuntime chip(int capability, Map<String, String> environment) {
    return new CudaRuntime() {
      @Override
      OptionalInt capability() {
        return OptionalInt.of(capability);
      }

      @Override
      Map<String, String> environment() {
        return environment;
      }
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {35, 52, 80, 86, 89, 90, 120})
  void checkDevice_chipWithCodeOrPtx_isTaken(int capability) {
    assertThatCode(chip(capability, ImmutableMap.of())::checkDevice).doesNotThrowAnyException();
  }

  @Test
  void checkDevice_chipOlderThanTheBinaries_isRefused() {
    assertThatThrownBy(chip(30, ImmutableMap.of())::checkDevice)
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("3.5")
        .hasMessageContaining("3.0");
  }

  @Test
  void describeCompilation_newChip_saysWhatTakesSoLongAndHowToKeepIt() {
    String text = chip(90, ImmutableMap.of()).describeCompilation(Duration.ofSeconds(40));

    assertThat(text)
        .contains("compiles", "9.0", "40 s so far", "set CUDA_CACHE_MAXSIZE=4294967296");
  }

  @Test
  void describeCompilation_cacheSizeSet_tellsIt() {
    Map<String, String> environment = ImmutableMap.of("CUDA_CACHE_MAXSIZE", "12345");

    assertThat(chip(120, environment).describeCompilation(Duration.ofSeconds(40)))
        .contains("12.0", "12345 bytes");
  }

  @Test
  void describeCompilation_chipWithCode_doesNotSpeakOfCompiling() {
    assertThat(chip(89, ImmutableMap.of()).describeCompilation(Duration.ofSeconds(40)))
        .contains("still starting after 40 s")
        .doesNotContain("compile");
  }

  @Test
  void describe_informationOfTheExecutioner_namesDeviceAndDriver() {
    Properties environment = new Properties();
    environment.put(
        "cuda.devicesInformation",
        ImmutableList.of(
            ImmutableMap.of(
                "cuda.deviceName",
                "NVIDIA H100 80GB HBM3",
                "cuda.deviceMajor",
                9,
                "cuda.deviceMinor",
                0,
                "cuda.totalMemory",
                85_000_000_000L)));

    assertThat(CudaRuntime.describe(environment))
        .startsWith("CUDA, NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB, driver ");
  }

  @ParameterizedTest
  @CsvSource({
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56, '550.54.15 '",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release, '570.86.15 '",
    "something else, ''"
  })
  void driverRelease_textsOfTheDriver_isTheirNumber(String text, String release) {
    assertThat(CudaRuntime.driverRelease(text)).isEqualTo(release);
  }

  @Test
  @Tag("cpu")
  void questions_withoutCuda_haveNoAnswer() {
    CudaRuntime cuda = new CudaRuntime();

    assertThat(cuda.error()).isEmpty();
    assertThat(cuda.capability()).isEmpty();
    assertThat(cuda.driverVersion()).isEqualTo("unknown");
  }
}
