package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The programs of one graph for the shapes in use; the one longest unused is closed. They share
 * their memory, so that the results of one are valid until the next run of any.
 */
public final class ProgramCache<K, V extends ProgramCache.Entry> implements AutoCloseable {

  /** What is kept: closing it frees its native memory and throws nothing. */
  public interface Entry extends AutoCloseable {

    @Override
    void close();

    /**
     * Asks to take native memory from here, if some is needed; before the first run.
     *
     * @param arena of entries that never run at the same time
     */
    default void share(BufferPool.Arena arena) {}

    /**
     * The native memory that it uses.
     *
     * @return bytes
     */
    default long bytes() {
      return 0;
    }

    /**
     * Frees what it does not use itself; all other entries are closed.
     *
     * @param arena as in {@link #share}
     */
    default void trim(BufferPool.Arena arena) {}
  }

  /** Few shapes recur, since lengths are rounded up; planning one takes longer than running it. */
  private static final int MAX_PROGRAMS = 12;

  /** How much more memory than the largest program needs is worth keeping its neighbours' plans. */
  private static final double MAX_EXCESS = 1.5;

  private final String owner;
  private final Function<K, V> factory;
  private final Map<K, V> programs = new LinkedHashMap<>(16, 0.75f, true);
  private final BufferPool.Arena arena = new BufferPool.Arena();
  private boolean closed;

  /**
   * Programs are made by this function at first use.
   *
   * @param owner what is closed with this, for messages
   */
  public ProgramCache(String owner, Function<K, V> factory) {
    this.owner = owner;
    this.factory = factory;
  }

  /** Refuses the use after {@link #close}. */
  void checkOpen() {
    checkState(!closed, "%s: expected an open one, got one that was closed", owner);
  }

  /** The program for a shape. */
  public V get(K shape) {
    checkOpen();
    if (!programs.containsKey(shape)) {
      trim();
    }
    V program = programs.computeIfAbsent(shape, this::create);
    if (programs.size() > MAX_PROGRAMS) {
      Iterator<V> longestUnused = programs.values().iterator();
      longestUnused.next().close();
      longestUnused.remove();
    }
    return program;
  }

  /**
   * Where shapes come in growing order, each new one finds no memory that is long enough. Then only
   * the largest stays; the others are planned again, over its memory.
   */
  private void trim() {
    programs.entrySet().stream()
        .max(Comparator.comparingLong(entry -> entry.getValue().bytes()))
        .filter(largest -> arena.bytes() > MAX_EXCESS * largest.getValue().bytes())
        .ifPresent(
            largest -> {
              K shape = largest.getKey();
              V program = largest.getValue();
              programs.values().stream().filter(other -> other != program).forEach(Entry::close);
              programs.clear();
              programs.put(shape, program);
              program.trim(arena);
            });
  }

  private V create(K shape) {
    V program = factory.apply(shape);
    program.share(arena);
    return program;
  }

  /** The native memory of the program that uses most, in bytes; 0 if there is none. */
  public long largestBytes() {
    return programs.values().stream().mapToLong(Entry::bytes).max().orElse(0);
  }

  /** The native memory that the programs share, in bytes. */
  long sharedBytes() {
    return arena.bytes();
  }

  @Override
  public void close() {
    closed = true;
    programs.values().forEach(Entry::close);
    programs.clear();
    arena.close();
  }
}
