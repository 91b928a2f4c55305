package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.github.p3o.NonFiniteException;
import io.github.p3o.Stateful;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The parts of a trainer that remember something, by name. */
public final class Parts {

  private final Map<String, Stateful> parts = new LinkedHashMap<>();

  /** Adds a part, if it remembers anything. */
  public void add(String name, @Nullable Object part) {
    if (part instanceof Stateful stateful) {
      parts.put(name, stateful);
    }
  }

  /**
   * What all of them remember.
   *
   * @throws IllegalStateException names the part that failed
   */
  public ImmutableMap<String, String> states() {
    ImmutableMap.Builder<String, String> states = ImmutableMap.builder();
    parts.forEach(
        (name, part) -> states.put(name, Given.notNull(name, "a state", state(name, part))));
    return states.buildOrThrow();
  }

  private static String state(String name, Stateful part) {
    try {
      return part.state();
    } catch (NonFiniteException e) { // of a rollout drawn ahead, which it waited for
      throw e;
    } catch (RuntimeException e) {
      throw new IllegalStateException(name + ": could not give its state: " + e.getMessage(), e);
    }
  }

  /**
   * Refuses the states of other parts than these.
   *
   * @throws IllegalArgumentException names every part that is missing or too much
   */
  public void check(Map<String, String> states) {
    Settings.checkSame(
        Maps.transformValues(states, state -> "a part with a state"),
        Maps.transformValues(parts, part -> "a part with a state"));
  }

  /**
   * Gives all of them their states back.
   *
   * @throws IllegalArgumentException names the part that refused its state
   */
  public void restore(Map<String, String> states) {
    parts.forEach(
        (name, part) -> {
          String state = states.get(name);
          if (state == null) {
            throw new IllegalArgumentException(name + ": expected a state, got none");
          }
          restore(name, part, state);
        });
  }

  private static void restore(String name, Stateful part, String state) {
    try {
      part.restore(state);
    } catch (RuntimeException e) {
      String reason = String.valueOf(e.getMessage());
      throw new IllegalArgumentException(
          reason.startsWith(name + ":") || reason.startsWith(name + ".")
              ? reason
              : name + ": could not restore its state: " + reason,
          e);
    }
  }
}
