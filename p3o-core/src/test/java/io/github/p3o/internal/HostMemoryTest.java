package io.github.p3o.internal;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.google.common.collect.ImmutableSet;
import com.tngtech.archunit.core.domain.AccessTarget.MethodCallTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.github.p3o.testing.MainClasses;
import java.nio.Buffer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.Indexer;

@AnalyzeClasses(packages = "io.github.p3o", importOptions = MainClasses.class)
class HostMemoryTest {

  private static final ImmutableSet<String> COPYING =
      ImmutableSet.of("asFloat", "asDouble", "asInt", "asLong");

  /** {@link Fusion#isOnCpu} stands before each use of these. */
  @ArchTest
  static final ArchRule ONLY_STEPS_OF_THE_CPU_READ_ARRAYS_WHERE_THEY_LIE =
      noClasses()
          .that()
          .doNotBelongToAnyOf(RowStep.class, RowIds.class, Heads.class, FloatMatrix.class)
          .and()
          .doNotBelongToAnyOf(DeviceThread.class) // a device's memory, and of no array
          .should()
          .accessTargetWhere(
              describe(
                  "it gives the host's memory of an array",
                  access -> isMemoryOf(access) || isNativePointer(access)))
          .because("on a device that memory is a copy, which nothing keeps up to date");

  private static boolean isMemoryOf(JavaAccess<?> access) {
    String owner = access.getTargetOwner().getName();
    boolean ofArray = owner.startsWith("org.nd4j.") && !COPYING.contains(access.getName());
    return ofArray
        && access.getTarget() instanceof MethodCallTarget m
        && (m.getRawReturnType().isAssignableTo(Pointer.class)
            || m.getRawReturnType().isAssignableTo(Indexer.class)
            || m.getRawReturnType().isAssignableTo(Buffer.class)
            || access.getName().equals("address"));
  }

  private static boolean isNativePointer(JavaAccess<?> access) {
    return access.getTargetOwner().isAssignableTo(Pointer.class)
        && access.getName().equals("asBuffer");
  }
}
