package io.github.p3o.examples.align;

import com.fasterxml.jackson.core.type.TypeReference;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What was judged on the way, in files, for the report of a run that is resumed. */
public final class Evaluations {

  private static final String DIRECTORY = "evaluations";

  private Evaluations() {}

  /** A {@link Judged} as JSON. */
  private record Saved(
      List<String> prompts,
      List<String> texts,
      List<Double> reward,
      List<Double> gold,
      List<Double> kl,
      List<Double> kl3,
      List<Double> length,
      List<Double> wellFormed) {}

  private static String file(long step) {
    return DIRECTORY + "/step-" + step + ".json";
  }

  /** Saves what was judged after a step. */
  public static void save(long step, Judged judged, Run run) {
    try {
      Files.createDirectories(run.directory().resolve(DIRECTORY));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    run.directory()
        .json(
            file(step),
            new Saved(
                judged.prompts(),
                judged.texts(),
                judged.reward().asList(),
                judged.gold().asList(),
                judged.kl().asList(),
                judged.kl3().asList(),
                judged.length().asList(),
                judged.wellFormed().asList()));
  }

  /** What was judged up to a step of a run that is resumed, in order. */
  static ImmutableList<Alignment.Point> upTo(long step, Alignment.Settings settings, Run run) {
    ImmutableList.Builder<Alignment.Point> points = ImmutableList.builder();
    for (int at = 0; run.resumed() && at <= step; at++) {
      boolean judged = at % settings.evaluateEvery() == 0 || at == settings.steps();
      Path file = run.directory().resolve(file(at));
      if (judged && step > 0 && Files.exists(file)) {
        points.add(new Alignment.Point(at, read(at, run.directory())));
      }
    }
    return points.build();
  }

  /** What was judged after a step. */
  public static Judged read(long step, RunDirectory directory) {
    Saved saved = directory.read(file(step), new TypeReference<Saved>() {});
    return new Judged(
        ImmutableList.copyOf(saved.prompts),
        ImmutableList.copyOf(saved.texts),
        ImmutableDoubleArray.copyOf(saved.reward),
        ImmutableDoubleArray.copyOf(saved.gold),
        ImmutableDoubleArray.copyOf(saved.kl),
        ImmutableDoubleArray.copyOf(saved.kl3),
        ImmutableDoubleArray.copyOf(saved.length),
        ImmutableDoubleArray.copyOf(saved.wellFormed));
  }
}
