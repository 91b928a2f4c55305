package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableSortedSet;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.github.p3o.Resumable;
import io.github.p3o.train.Checkpoints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The last few versions, each a checkpoint in a directory of its number. */
final class VersionFiles {

  private static final Logger LOG = LoggerFactory.getLogger(VersionFiles.class);

  private static final Pattern NAME = Pattern.compile("[0-9]{6,18}");

  private final Path directory;
  private final int keep;

  VersionFiles(Path directory, int keep) {
    this.directory = directory;
    this.keep = keep;
  }

  private Path path(long number) {
    return directory.resolve(String.format(Locale.ROOT, "%06d", number));
  }

  /** Those that are there whole. */
  ImmutableSortedSet<Long> numbers() {
    if (!Files.isDirectory(directory)) {
      return ImmutableSortedSet.of();
    }
    try (Stream<Path> paths = Files.list(directory)) {
      return paths
          .filter(path -> NAME.matcher(String.valueOf(path.getFileName())).matches())
          .filter(Files::isDirectory) // Checkpoints refuses to list what is none
          .filter(path -> !new Checkpoints(path, 1).list().isEmpty())
          .map(path -> Long.valueOf(String.valueOf(path.getFileName())))
          .collect(ImmutableSortedSet.toImmutableSortedSet(Comparator.naturalOrder()));
    } catch (IOException e) {
      throw new UncheckedIOException(directory + ": " + e.getMessage(), e);
    }
  }

  void save(long number, Resumable trainer) {
    new Checkpoints(path(number), 1).save(trainer);
  }

  void load(long number, Resumable trainer) {
    Path found = new Checkpoints(path(number), 1).resume(trainer);
    checkState(found != null, "%s: expected a version, got none", path(number));
  }

  /** Keeps the newest few, and the one that is served. */
  void deleteOld(long served) {
    ImmutableSortedSet<Long> numbers = numbers();
    numbers.stream()
        .limit(Math.max(0, numbers.size() - keep))
        .filter(number -> number != served)
        .forEach(this::delete);
  }

  @SuppressWarnings("UnstableApiUsage") // Guava's recursive deletion is long stable in fact
  private void delete(long number) {
    try {
      // Nobody else writes here, so that links do not change meanwhile.
      MoreFiles.deleteRecursively(path(number), RecursiveDeleteOption.ALLOW_INSECURE);
    } catch (IOException e) {
      LOG.warn("{}: could not delete an old version: {}", path(number), e.toString());
    }
  }
}
