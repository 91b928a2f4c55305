package io.github.p3o.internal;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.lang.reflect.RecordComponent;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The settings that a resumed run must share with the run that was saved, as names and texts. */
public final class Settings {

  private Settings() {}

  /**
   * Every component of a record by its name, of records within it by {@code outer.inner}.
   *
   * @param prefix before each name, such as {@code optimizer.}
   * @param settings a public record of numbers, words and further records
   */
  public static ImmutableMap<String, String> of(String prefix, Record settings) {
    ImmutableMap.Builder<String, String> all = ImmutableMap.builder();
    for (RecordComponent component : settings.getClass().getRecordComponents()) {
      String name = prefix + component.getName();
      Object value = value(settings, component);
      if (value instanceof Record inner) {
        all.putAll(of(name + ".", inner));
      } else {
        all.put(name, String.valueOf(value));
      }
    }
    return all.buildOrThrow();
  }

  private static Object value(Record settings, RecordComponent component) {
    try {
      return component.getAccessor().invoke(settings);
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("settings: expected a public record, got " + settings, e);
    }
  }

  /** An objective with its settings, if it has a {@code toString} of its own, or its name. */
  public static String describe(String name, Object objective) {
    try {
      boolean own = objective.getClass().getMethod("toString").getDeclaringClass() != Object.class;
      return own ? objective.toString() : name;
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e); // every object has it
    }
  }

  /**
   * Refuses settings that are not those of the checkpoint.
   *
   * @throws IllegalArgumentException names every one that differs
   */
  public static void checkSame(Map<String, String> saved, Map<String, String> now) {
    String differences =
        Stream.concat(
                saved.keySet().stream(), Sets.difference(now.keySet(), saved.keySet()).stream())
            .filter(
                name -> !saved.getOrDefault(name, "none").equals(now.getOrDefault(name, "none")))
            .map(
                name ->
                    String.format(
                        Locale.ROOT,
                        "%s: expected %s as in the checkpoint, got %s",
                        name,
                        saved.getOrDefault(name, "none"),
                        now.getOrDefault(name, "none")))
            .collect(Collectors.joining("; "));
    if (!differences.isEmpty()) {
      throw new IllegalArgumentException(differences);
    }
  }
}
