package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class StartupAdviceTest {

  private static final Map<String, String> ENVIRONMENT =
      Map.of("OMP_WAIT_POLICY", "active", "OPENBLAS_THREAD_TIMEOUT", "20");

  private static final Map<String, String> PROPERTIES =
      Map.of("org.bytedeco.javacpp.maxphysicalbytes", "8g");

  @Test
  void missing_whereNothingIsSet_namesAllInOneLine() {
    assertThat(StartupAdvice.missing(name -> null, name -> null))
        .hasValue(
            "This process may run at twice the speed if it is started with OMP_WAIT_POLICY=passive"
                + " OPENBLAS_THREAD_TIMEOUT=16 -Dorg.bytedeco.javacpp.maxphysicalbytes=0"
                + " (README, \"CPU or GPU\")");
  }

  @Test
  void missing_whereOneIsUnset_namesThisOneAlone() {
    assertThat(StartupAdvice.missing(ENVIRONMENT::get, name -> null).orElseThrow())
        .contains("maxphysicalbytes")
        .doesNotContain("OMP_WAIT_POLICY", "OPENBLAS");
  }

  @Test
  void missing_whereAllAreSetToWhateverValues_isEmpty() {
    assertThat(StartupAdvice.missing(ENVIRONMENT::get, PROPERTIES::get)).isEmpty();
  }
}
