package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ClassPathTest {

  @Test
  void check_withTheVersionOfNd4j_passes() {
    assertThatCode(ClassPath::check).doesNotThrowAnyException();
  }

  @Test
  void check_withoutTheMethod_namesLibraryAndSettings() {
    assertThatThrownBy(() -> ClassPath.checkHas("java.lang.String", "startObject"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("flatbuffers: expected 1.10, which ND4J needs,")
        .hasMessageEndingWith(
            "; set spark.driver.userClassPathFirst and spark.executor.userClassPathFirst to true");
  }
}
