package io.github.p3o.online;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** A disk that does what it is told, and notes what it was asked for. */
final class FaultyDisk {

  /** What is still to happen: a full disk takes half of a write; a file is not closed once. */
  enum Fault {
    NONE,
    FULL,
    FULL_FOR_GOOD,
    NO_FLUSH,
    NO_CLOSE
  }

  volatile Fault fault = Fault.NONE;

  /** Flushes wait for it. */
  volatile CountDownLatch mayFlush = new CountDownLatch(0);

  /** Opened by the first flush. */
  final CountDownLatch flushing = new CountDownLatch(1);

  /** "write" and "flush", in order, those that went well. */
  final List<String> log = new CopyOnWriteArrayList<>();

  DiskFile open(Path path) throws IOException {
    return new File(path);
  }

  private final class File extends DiskFile {

    private File(Path path) throws IOException {
      super(path);
    }

    @Override
    void write(long position, byte[] bytes) throws IOException {
      if (fault == Fault.FULL || fault == Fault.FULL_FOR_GOOD) {
        super.write(position, Arrays.copyOf(bytes, bytes.length / 2));
        throw new IOException("No space left on device");
      }
      super.write(position, bytes);
      log.add("write");
    }

    @Override
    void cut(long length) throws IOException {
      if (fault == Fault.FULL_FOR_GOOD) {
        throw new IOException("Input/output error");
      }
      super.cut(length);
    }

    @Override
    void sync() throws IOException {
      if (fault == Fault.NO_FLUSH) {
        throw new IOException("Input/output error");
      }
      flushing.countDown();
      Uninterruptibles.awaitUninterruptibly(mayFlush);
      super.sync();
      log.add("flush");
    }

    @Override
    public void close() throws IOException {
      super.close();
      if (fault == Fault.NO_CLOSE) {
        fault = Fault.NONE;
        throw new IOException("Input/output error");
      }
    }
  }
}
