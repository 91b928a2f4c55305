package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkState;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/** The programs of one graph for the shapes in use; the one longest unused is closed. */
public final class ProgramCache<K> implements AutoCloseable {

  /** Few shapes recur: lengths are rounded up. Each program holds the memory of one batch. */
  private static final int MAX_PROGRAMS = 12;

  private final Function<K, Program> factory;
  private final Map<K, Program> programs = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /** Programs are made by this function at first use. */
  public ProgramCache(Function<K, Program> factory) {
    this.factory = factory;
  }

  /** The program for a shape. */
  public Program get(K shape) {
    checkState(!closed, "trainer or model: expected an open one, got one that was closed");
    Program program = programs.computeIfAbsent(shape, factory);
    if (programs.size() > MAX_PROGRAMS) {
      Iterator<Program> longestUnused = programs.values().iterator();
      longestUnused.next().close();
      longestUnused.remove();
    }
    return program;
  }

  @Override
  public void close() {
    closed = true;
    programs.values().forEach(Program::close);
    programs.clear();
  }
}
