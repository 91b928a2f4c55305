package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.p3o.internal.ExclusiveLock;
import io.github.p3o.internal.IoProblem;
import io.github.p3o.online.OnlineAligner.Offer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Feedback in a row of files. A record is on the disk when {@link #append} returns; those of
 * several threads go there together. Each id is kept once, as long as its file is there. A position
 * counts the bytes of all files ever; a file has that of its first byte as its name.
 */
final class Journal implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  private static final String SUFFIX = ".journal";
  private static final Pattern NAME = Pattern.compile("[0-9]{18}" + Pattern.quote(SUFFIX));

  /** Where files end: some 40,000 records of two short responses. */
  static final long FILE_BYTES = 8 << 20;

  /** One record, and where the next is. */
  record Entry(Feedback feedback, long next) {}

  private final Path directory;
  private final long fileBytes;
  private final DiskFile.Opener disk;
  private final ExclusiveLock lock;
  private final Object forcing = new Object();

  /** By the position of the first byte; never empty. */
  @GuardedBy("this")
  private final TreeMap<Long, JournalFile> files = new TreeMap<>();

  @GuardedBy("this")
  private @Nullable String unusable;

  private volatile long durable;

  /**
   * Opens or makes a directory, and cuts off what a crash left of a record at its end.
   *
   * @throws IllegalStateException if another process or aligner has it open
   * @throws UncheckedIOException if it cannot be read, or was altered; it names file and position
   */
  static Journal open(Path directory) {
    return open(directory, FILE_BYTES, DiskFile::new);
  }

  /** With other files. */
  static Journal open(Path directory, long fileBytes, DiskFile.Opener disk) {
    try {
      Files.createDirectories(directory);
      Optional<ExclusiveLock> lock = ExclusiveLock.take(directory.resolve("lock"));
      checkState(
          lock.isPresent(),
          "%s: expected to be the only one who has it open, got another",
          directory);
      return new Journal(directory, fileBytes, disk, lock.get());
    } catch (IOException e) {
      throw IoProblem.of(directory, e);
    }
  }

  /** Lets the lock go if it throws. */
  private Journal(Path directory, long fileBytes, DiskFile.Opener disk, ExclusiveLock lock)
      throws IOException {
    this.directory = directory;
    this.fileBytes = fileBytes;
    this.disk = disk;
    this.lock = lock;
    try {
      for (Path path : list()) {
        openFile(path);
      }
      if (files.isEmpty()) {
        create(0, 0);
      }
      JournalFile last = last();
      if (last.tornBytes() > 0) {
        LOG.warn("{}: {} bytes of a record that a crash cut off", last.path(), last.tornBytes());
        last.cutTornBytes();
      }
      last.sync(); // what a killed process wrote may not be on the disk yet
      durable = last.lastRecord();
    } catch (IOException | RuntimeException e) {
      closeFiles();
      throw e;
    }
  }

  /** In the order of their positions, which is that of their names. */
  private List<Path> list() throws IOException {
    try (Stream<Path> paths = Files.list(directory)) {
      return paths
          .filter(path -> NAME.matcher(String.valueOf(path.getFileName())).matches())
          .sorted()
          .toList();
    }
  }

  @GuardedBy("this")
  private JournalFile last() {
    return files.lastEntry().getValue();
  }

  /** Only the last may end in a part of a record: those before were flushed before it was made. */
  @GuardedBy("this")
  private void openFile(Path path) throws IOException {
    long start = Long.parseLong(String.valueOf(path.getFileName()).replace(SUFFIX, ""));
    try {
      DiskFile opened = disk.open(path);
      JournalFile file;
      try {
        file = new JournalFile(path, opened, start);
      } catch (IOException | RuntimeException e) {
        opened.close();
        throw e;
      }
      JournalFile before = files.isEmpty() ? null : last();
      files.put(start, file);
      if (before != null
          && (before.tornBytes() > 0
              || before.end() != start
              || before.lastRecord() != file.firstRecord())) {
        throw new IOException(
            String.format(
                Locale.ROOT,
                "expected to go on from byte %d, record %d, got byte %d, record %d",
                before.end(),
                before.lastRecord(),
                start,
                file.firstRecord()));
      }
    } catch (IOException e) {
      throw new IOException(IoProblem.text(path, e), e);
    }
  }

  @GuardedBy("this")
  private void create(long start, long records) throws IOException {
    Path path = directory.resolve(String.format(Locale.ROOT, "%018d%s", start, SUFFIX));
    JournalFile.create(path, records);
    try {
      openFile(path);
    } catch (IOException e) {
      Files.deleteIfExists(path); // the file before it may still grow
      throw e;
    }
  }

  /** The record at a position that {@link Entry#next} gave; 0 is that of the first one. */
  synchronized Entry read(long position) {
    checkHas(position);
    JournalFile file = files.floorEntry(position).getValue();
    try {
      return file.read(position);
    } catch (IOException e) {
      throw IoProblem.of(file.path(), e);
    }
  }

  /**
   * Checks that records from a position on are there, or that it is the end.
   *
   * @throws IllegalArgumentException if not
   */
  synchronized void checkHas(long position) {
    checkArgument(
        position >= files.firstKey() && position <= last().end(),
        "%s: expected records from byte %s on, got bytes %s to %s",
        directory,
        position,
        files.firstKey(),
        last().end());
  }

  /**
   * Writes a record, and returns when it is on the disk. Of an id that is there already nothing is
   * written, and it returns when the one before is on the disk.
   *
   * @param limit how many records there may be, those of deleted files counted
   * @throws UncheckedIOException if it is not on the disk; it may be there after a restart
   */
  Offer append(Feedback feedback, long limit) {
    byte[] payload = FeedbackText.of(feedback);
    checkArgument(
        payload.length <= JournalFile.MAX_RECORD,
        "feedback: expected at most %s bytes, got %s",
        JournalFile.MAX_RECORD,
        payload.length);
    boolean known;
    long number;
    synchronized (this) {
      checkUsable();
      known = files.values().stream().anyMatch(file -> file.knows(feedback.id()));
      if (!known) {
        if (last().lastRecord() >= limit) {
          return Offer.FULL;
        }
        write(feedback.id(), payload);
      }
      number = last().lastRecord();
    }
    force(number);
    return known ? Offer.REPEATED : Offer.ACCEPTED;
  }

  @GuardedBy("this")
  private void checkUsable() {
    checkState(
        unusable == null, "%s: expected an open journal, got one that %s", directory, unusable);
  }

  @GuardedBy("this")
  private void write(String id, byte[] payload) {
    JournalFile file = last();
    try {
      if (file.length() >= fileBytes) {
        sync(file);
        create(file.end(), file.lastRecord());
        file = last();
      }
      file.append(id, payload);
    } catch (JournalFile.UnusableException e) {
      unusable = "could not be written: " + e.getMessage();
      throw IoProblem.of(file.path(), e);
    } catch (IOException e) {
      throw IoProblem.of(file.path(), e);
    }
  }

  private void force(long number) {
    synchronized (forcing) {
      if (durable >= number) {
        return; // went with another's
      }
      long upTo;
      JournalFile file;
      synchronized (this) {
        checkUsable();
        file = last();
        upTo = file.lastRecord();
      }
      try {
        sync(file);
      } catch (IOException e) {
        throw IoProblem.of(file.path(), e);
      }
      durable = upTo;
    }
  }

  /** What the disk holds is not known any more after a flush that failed. */
  private void sync(JournalFile file) throws IOException {
    try {
      file.sync();
    } catch (IOException e) {
      synchronized (this) {
        unusable = "could not be flushed: " + e;
      }
      throw e;
    }
  }

  /** How many records are on the disk, or were. */
  long records() {
    return durable;
  }

  /**
   * Deletes the files before a position, but for one, so that the ids of the last records stay
   * known. One that cannot be deleted stays until the next call, and so do those after it: a gap
   * would be refused.
   */
  synchronized void deleteBefore(long position) {
    while (files.size() > 2 && endOfSecond() <= position) {
      JournalFile first = files.firstEntry().getValue();
      try {
        first.delete();
      } catch (IOException e) {
        LOG.warn("{}: could not be deleted yet: {}", first.path(), e.toString());
        return;
      }
      files.pollFirstEntry();
    }
  }

  @GuardedBy("this")
  private long endOfSecond() {
    return files.higherEntry(files.firstKey()).getValue().end();
  }

  @Override
  public void close() {
    synchronized (forcing) {
      synchronized (this) {
        if (unusable == null) {
          unusable = "was closed";
        }
        closeFiles();
      }
    }
  }

  @GuardedBy("this")
  private void closeFiles() {
    try (lock) {
      for (JournalFile file : files.values()) {
        file.close();
      }
    } catch (IOException e) {
      LOG.warn("{}: {}", directory, e.toString());
    }
  }
}
