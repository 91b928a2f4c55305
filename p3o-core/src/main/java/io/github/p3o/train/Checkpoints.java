package io.github.p3o.train;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Throwables;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.p3o.Checkpoint;
import io.github.p3o.Resumable;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.ExclusiveLock;
import io.github.p3o.internal.Given;
import io.github.p3o.transformer.CheckpointException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last few checkpoints of one trainer in a directory. Each is a directory {@code
 * NUMBER-step-STEP}, written under another name, flushed to the disk and renamed, so that it is
 * there whole or not at all whenever the process or the machine dies; checksums tell what was
 * altered later. {@code sha256sum -c SHA256SUMS} within one checks it by hand.
 *
 * <p>One trainer at a time: what another saves beside it, also in another process, is left whole,
 * and refuses the next {@link #save} of this one. To read what a living trainer has saved is safe.
 *
 * <pre>{@code
 * Checkpoints checkpoints = new Checkpoints(Path.of("run/checkpoints"), 2);
 * checkpoints.resume(trainer);
 * while (trainer.stepsDone() < 1000) {
 *   trainer.step();
 *   checkpoints.save(trainer);
 * }
 * }</pre>
 */
public final class Checkpoints {

  private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);

  /** The number says which is the newest: steps may be taken again after a resume. */
  private static final Pattern NAME = Pattern.compile("([0-9]{6,18})-step-[0-9]+");

  private static final Pattern LEFT_BEHIND = Pattern.compile("\\." + NAME + "\\.(tmp|old)");

  private final Path directory;
  private final int keep;
  private final Set<Path> unsound = new HashSet<>();

  /** What was there at first, and what was saved since; null before the first use. */
  private @Nullable Set<Path> known;

  /**
   * The checkpoints in a directory.
   *
   * @param directory is made when the first is saved
   * @param keep how many to keep, ≥ 1; with 2 there is one left if the newest is altered
   * @throws IllegalArgumentException if keep is below 1
   */
  public Checkpoints(Path directory, int keep) {
    checkArgument(keep >= 1, "keep: expected at least 1, got %s", keep);
    this.directory = Given.notNull("directory", "a path", directory);
    this.keep = keep;
  }

  /**
   * Saves a trainer as it is now, between two steps, and deletes what is older than the last few. A
   * thread that is interrupted already saves all the same, and stays interrupted.
   *
   * @param trainer is not changed
   * @return the directory of the checkpoint
   * @throws CheckpointException if it cannot be written, or if there is a checkpoint that was
   *     neither there when this object was first used nor saved by it; those before are then as
   *     they were
   */
  @CanIgnoreReturnValue
  public Path save(Resumable trainer) {
    return uninterrupted(() -> saveNow(trainer));
  }

  /** A file is closed under a thread that is interrupted. */
  private static <T extends @Nullable Object> T uninterrupted(Supplier<T> work) {
    boolean interrupted = Thread.interrupted();
    try {
      return work.get();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private Path saveNow(Resumable trainer) {
    Checkpoint checkpoint = trainer.checkpoint();
    try {
      Files.createDirectories(directory);
      try (ExclusiveLock held = lock()) {
        return saveLocked(checkpoint);
      }
    } catch (IOException e) {
      throw new CheckpointException(directory, "checkpoint: expected to be writable, got " + e, e);
    }
  }

  private ExclusiveLock lock() throws IOException {
    return ExclusiveLock.take(directory.resolve(".lock"))
        .orElseThrow(
            () ->
                new CheckpointException(
                    directory,
                    "checkpoints: expected one trainer that saves here, got another that does so at"
                        + " this moment, perhaps of another process",
                    null));
  }

  private Path saveLocked(Checkpoint checkpoint) throws IOException {
    List<Path> before = newestFirst();
    checkKnown(before);
    deleteLeftBehind();
    long number = before.isEmpty() ? 1 : number(before.get(0)) + 1;
    String name = String.format(Locale.ROOT, "%06d-step-%d", number, checkpoint.step());
    Path saved = write(checkpoint, name);
    known = ImmutableSet.<Path>builder().addAll(before).add(saved).build();
    deleteOld();
    return saved;
  }

  /** Two trainers would take turns, and each delete what the other needs. */
  private void checkKnown(List<Path> there) {
    Set<Path> mine = known;
    for (Path path : there) {
      if (mine != null && !mine.contains(path)) {
        throw new CheckpointException(
            directory,
            "checkpoints: expected one trainer that saves here, got "
                + name(path)
                + " of another, perhaps of another process; end one of them, or give each a"
                + " directory; resume goes on from there",
            null);
      }
    }
  }

  private Path write(Checkpoint checkpoint, String name) throws IOException {
    Path beside = Files.createDirectory(directory.resolve("." + name + ".tmp"));
    try {
      CheckpointFiles.write(beside, checkpoint);
      Path saved = directory.resolve(name);
      AtomicFile.rename(beside, saved);
      return saved;
    } catch (IOException | RuntimeException e) {
      delete(beside);
      throw e;
    }
  }

  /**
   * Gives a trainer back the newest sound checkpoint. One that is torn or altered is passed over
   * with a warning in the log that names the file. A thread that is interrupted already reads all
   * the same, and stays interrupted.
   *
   * @param trainer built as at the start
   * @return the checkpoint's directory, or null if there is none and training begins at the start
   * @throws CheckpointException if there are checkpoints and none is sound, or if the thread is
   *     interrupted while it reads
   * @throws IllegalArgumentException if the checkpoint is of a trainer with other settings, which
   *     are named; nothing was changed then
   */
  public @Nullable Path resume(Resumable trainer) {
    return Checkpoints.<@Nullable Path>uninterrupted(() -> resumeNow(trainer));
  }

  private @Nullable Path resumeNow(Resumable trainer) {
    List<Path> all = list();
    known = ImmutableSet.copyOf(all);
    for (Path path : all) {
      Checkpoint checkpoint;
      try {
        checkpoint = CheckpointFiles.read(path);
      } catch (CheckpointException e) {
        if (Throwables.getRootCause(e) instanceof ClosedByInterruptException) {
          throw e; // it says nothing of the file
        }
        unsound.add(path);
        LOG.warn("{}; using the checkpoint before it", e.getMessage());
        continue;
      }
      try {
        trainer.restore(checkpoint);
        return path;
      } finally {
        checkpoint.tensors().values().forEach(tensor -> tensor.close());
      }
    }
    if (!all.isEmpty()) {
      throw new CheckpointException(
          directory, "checkpoints: expected one that is sound, got none of " + all.size(), null);
    }
    return null;
  }

  /**
   * The directories of all checkpoints, sound or not, the newest first.
   *
   * @return the directories
   * @throws CheckpointException if the directory cannot be read
   */
  public ImmutableList<Path> list() {
    try {
      return newestFirst();
    } catch (IOException e) {
      throw new CheckpointException(directory, "checkpoints: expected to be readable, got " + e, e);
    }
  }

  private ImmutableList<Path> newestFirst() throws IOException {
    return entries(NAME).stream()
        .sorted(Comparator.comparingLong(Checkpoints::number).reversed())
        .collect(ImmutableList.toImmutableList());
  }

  private List<Path> entries(Pattern pattern) throws IOException {
    if (Files.notExists(directory)) {
      return ImmutableList.of();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(path -> pattern.matcher(name(path)).matches()).toList();
    }
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static long number(Path path) {
    Matcher matcher = NAME.matcher(name(path));
    checkArgument(matcher.matches(), "path: expected a checkpoint, got %s", path);
    return Long.parseLong(matcher.group(1));
  }

  /** Those known to be unsound do not count as kept. */
  private void deleteOld() {
    try {
      int sound = 0;
      for (Path path : newestFirst()) {
        sound += unsound.contains(path) ? 0 : 1;
        if (sound > keep || (sound == keep && unsound.contains(path))) {
          Path old = directory.resolve("." + name(path) + ".old");
          AtomicFile.rename(path, old);
          delete(old);
        }
      }
    } catch (IOException e) {
      LOG.warn("{}: could not delete old checkpoints: {}", directory, e.toString());
    }
  }

  /** What a process left behind that died while it wrote or deleted. */
  private void deleteLeftBehind() throws IOException {
    for (Path path : entries(LEFT_BEHIND)) {
      delete(path);
    }
  }

  /** A directory without directories in it. */
  private static void delete(Path path) throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(path);
  }
}
