package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
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

  /** What all of them remember. */
  public ImmutableMap<String, String> states() {
    return ImmutableMap.copyOf(Maps.transformValues(parts, Stateful::state));
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

  /** Gives all of them their states back. */
  public void restore(Map<String, String> states) {
    parts.forEach(
        (name, part) -> {
          String state = states.get(name);
          if (state == null) {
            throw new IllegalArgumentException(name + ": expected a state, got none");
          }
          part.restore(state);
        });
  }
}
