package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.base.Throwables;
import io.github.p3o.internal.NativeMemoryError;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class TasksTest {

  /** Of JavaCPP, in its words. */
  private static OutOfMemoryError refusal() {
    return new OutOfMemoryError("Cannot allocate new BytePointer(1): physicalBytes = 1023M");
  }

  private static Throwable thrown(Throwable by) {
    try {
      return Tasks.run(
          () -> {
            Throwables.throwIfInstanceOf(by, Error.class);
            throw new IllegalStateException("around", by);
          });
    } catch (RuntimeException | OutOfMemoryError e) {
      return e;
    }
  }

  @Test
  void run_refusedByJavaCpp_throwsWordsAloneHoweverItIsWrapped() {
    for (Throwable refused : new Throwable[] {refusal(), new IOException("between", refusal())}) {
      assertThat(thrown(refused))
          .isInstanceOf(NativeMemoryException.class)
          .hasMessageContaining("got \"Cannot allocate new BytePointer(1)")
          .hasNoCause()
          .hasNoSuppressedExceptions();
    }
  }

  @Test
  void run_withoutMemoryOfADevice_throwsWordsAlone() {
    assertThat(thrown(new NativeMemoryError("memory: expected room for 8 bytes", new Exception())))
        .isInstanceOf(NativeMemoryException.class)
        .hasMessageContaining("memory: expected room for 8 bytes")
        .hasNoCause();
  }

  @Test
  void run_otherFailures_areThrownAsTheyAre() {
    OutOfMemoryError ofHeap = new OutOfMemoryError("Java heap space");
    assertThat(thrown(ofHeap)).isSameAs(ofHeap);
    IOException other = new IOException("physicalBytes");
    assertThat(thrown(other)).isInstanceOf(IllegalStateException.class).hasCause(other);
  }

  @Test
  void owned_oneThatCannotBeClosed_hasTheOthersClosedAllTheSameLastFirst() {
    StringBuilder closed = new StringBuilder();
    Owned owned = new Owned();
    AutoCloseable first = () -> closed.append("first");
    owned.add(first);
    owned.add(
        (AutoCloseable)
            () -> {
              throw new IOException("no");
            });
    owned.add((AutoCloseable) () -> closed.append("last "));
    owned.add(first);
    assertThatThrownBy(owned::close).hasRootCauseMessage("no");
    assertThat(closed).hasToString("last first");
  }
}
