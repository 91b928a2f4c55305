package io.github.p3o;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.google.common.collect.ImmutableSet;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.github.p3o.testing.MainClasses;

@AnalyzeClasses(packages = "io.github.p3o", importOptions = MainClasses.class)
class CheckedOpsTest {

  /** What gives a variable without computing anything; identity is checked in OpsTest. */
  private static final ImmutableSet<String> ALLOWED =
      ImmutableSet.of("placeHolder", "constant", "getVariable", "rename", "identity", "setArray");

  @ArchTest
  static final ArchRule GRAPHS_COMPUTE_THROUGH_CHECKED_OPS =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.github.p3o.internal")
          .should()
          .accessTargetWhere(
              describe(
                  "it is an op of a SameDiff graph",
                  (JavaAccess<?> access) ->
                      access.getTarget() instanceof CodeUnitAccessTarget target
                          && target.getOwner().getPackageName().startsWith("org.nd4j")
                          && target.getRawReturnType().getName().contains("SDVariable")
                          && !ALLOWED.contains(target.getName())))
          .because("ND4J has ops with silently wrong gradients; those of Ops are checked");
}
