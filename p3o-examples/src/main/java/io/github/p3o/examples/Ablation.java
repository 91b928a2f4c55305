package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What a study varies about P3O, with all else as the search chose it. */
enum Ablation {
  /** How far an update may go, and how fast it goes. */
  CLIP_LR(
      "clip range and learning rate of P3O-V2",
      base ->
          rates()
              .flatMap(
                  rate ->
                      DoubleStream.of(0.05, 0.2, 0.8)
                          .mapToObj(clip -> rate.apply(base).withClipRange(clip)))),
  /** The two forms, and neither. */
  VARIANT(
      "separate clipping (V1), joint clipping (V2), no clipping (importance sampling alone)",
      base ->
          Stream.of(Objective.P3O_V1, Objective.P3O_V2, Objective.PPG_IS)
              .flatMap(objective -> rates().map(rate -> rate.apply(base.with(objective))))),
  /** Responses to each prompt; the samples are as many. */
  RESPONSES(
      "k responses to each prompt, the samples as many",
      base -> IntStream.of(2, 4, 8).mapToObj(base::withResponses)),
  /** The price of KL. */
  BETA(
      "the KL coefficient beta",
      base -> DoubleStream.of(0, 0.02, 0.05, 0.1, 0.3).mapToObj(base::withKlCoefficient));

  private final String about;
  private final Function<Setting, Stream<Setting>> settings;

  Ablation(String about, Function<Setting, Stream<Setting>> settings) {
    this.about = about;
    this.settings = settings;
  }

  private static Stream<Function<Setting, Setting>> rates() {
    return DoubleStream.of(1e-4, 3e-4, 1e-3).mapToObj(rate -> base -> base.withLearningRate(rate));
  }

  /** What it varies, in a few words. */
  String about() {
    return about;
  }

  /** The settings to compare, from the one that the search chose for P3O-V2. */
  ImmutableList<Setting> settings(Setting base) {
    return settings.apply(base).collect(ImmutableList.toImmutableList());
  }

  /** The name on the command line. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
