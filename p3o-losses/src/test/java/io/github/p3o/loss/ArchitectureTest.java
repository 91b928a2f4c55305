package io.github.p3o.loss;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.github.p3o.testing.MainClasses;

@AnalyzeClasses(packages = "io.github.p3o.loss", importOptions = MainClasses.class)
class ArchitectureTest {

  @ArchTest
  static final ArchRule OBJECTIVES_COMPUTE_THROUGH_CHECKED_OPS =
      noClasses()
          .should()
          .accessTargetWhere(
              describe(
                  "it is one of ND4J",
                  (JavaAccess<?> access) ->
                      access.getTargetOwner().getPackageName().startsWith("org.nd4j")))
          .because("ND4J has ops with silently wrong gradients; those of Ops are checked");
}
