package io.github.p3o.spark;

import com.google.common.io.Closer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** The models that a task has made, to be closed together, the last first. */
final class Owned implements AutoCloseable {

  private final Closer closer = Closer.create();
  private final Set<AutoCloseable> all = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Will close it, once, if it can be closed. */
  <T> T add(T made) {
    if (made instanceof AutoCloseable closeable && all.add(closeable)) {
      closer.register(() -> close(closeable));
    }
    return made;
  }

  private static void close(AutoCloseable closeable) throws IOException {
    try {
      closeable.close();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
  }

  /** Closes all, even if one cannot be. */
  @Override
  public void close() {
    try {
      closer.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
