package io.github.p3o.examples;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(
    packages = "io.github.p3o.examples",
    importOptions = ArchitectureTest.MainClasses.class)
class ArchitectureTest {

  @ArchTest
  static final ArchRule PACKAGES_BUILD_ON_EACH_OTHER_IN_ONE_DIRECTION =
      slices().matching("io.github.p3o.(**)").should().beFreeOfCycles();

  /** Leaves tests out, which run any command. */
  static final class MainClasses implements ImportOption {

    @Override
    public boolean includes(Location location) {
      return !location.contains("/test-classes/");
    }
  }
}
