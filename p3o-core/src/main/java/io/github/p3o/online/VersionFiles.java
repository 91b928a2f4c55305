package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableSortedSet;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.github.p3o.Resumable;
import io.github.p3o.internal.IoProblem;
import io.github.p3o.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last few versions, each a checkpoint in a directory of its number. Which there are is read
 * once.
 */
final class VersionFiles {

  private static final Logger LOG = LoggerFactory.getLogger(VersionFiles.class);

  private static final Pattern NAME = Pattern.compile("[0-9]{6,18}");

  private final Path directory;
  private final int keep;
  private final NavigableSet<Long> numbers;

  VersionFiles(Path directory, int keep) {
    this.directory = directory;
    this.keep = keep;
    this.numbers = list(directory);
  }

  private Path path(long number) {
    return directory.resolve(String.format(Locale.ROOT, "%06d", number));
  }

  /** Those that are there whole. */
  private static NavigableSet<Long> list(Path directory) {
    if (!Files.isDirectory(directory)) {
      return new TreeSet<>();
    }
    try (Stream<Path> paths = Files.list(directory)) {
      return paths
          .filter(path -> NAME.matcher(String.valueOf(path.getFileName())).matches())
          .filter(Files::isDirectory) // Checkpoints refuses to list what is none
          .filter(path -> !new Checkpoints(path, 1).list().isEmpty())
          .map(path -> Long.valueOf(String.valueOf(path.getFileName())))
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw IoProblem.of(directory, e);
    }
  }

  /** Up to a number. */
  ImmutableSortedSet<Long> upTo(long newest) {
    return ImmutableSortedSet.copyOfSorted(numbers.headSet(newest, true));
  }

  void save(long number, Resumable trainer) {
    new Checkpoints(path(number), 1).save(trainer);
    numbers.add(number);
  }

  void load(long number, Resumable trainer) {
    Path found = new Checkpoints(path(number), 1).resume(trainer);
    checkState(found != null, "%s: expected a version, got none", path(number));
  }

  /** Of those up to a number, keeps the newest few, and what is needed. */
  void deleteOld(long newest, Set<Long> needed) {
    ImmutableSortedSet<Long> all = upTo(newest);
    all.stream()
        .limit(Math.max(0, all.size() - keep))
        .filter(number -> !needed.contains(number))
        .forEach(this::delete);
  }

  @SuppressWarnings("UnstableApiUsage") // Guava's recursive deletion is long stable in fact
  private void delete(long number) {
    try {
      // Nobody else writes here, so that links do not change meanwhile.
      MoreFiles.deleteRecursively(path(number), RecursiveDeleteOption.ALLOW_INSECURE);
      numbers.remove(number);
    } catch (IOException e) {
      LOG.warn("{}: could not delete an old version: {}", path(number), e.toString());
    }
  }
}
