package io.github.p3o.examples.study;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.examples.align.Objective;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What a study varies about P3O, with all else as the search chose it for P3O-V2. */
enum Ablation {
  /** How far an update may go, and how fast it goes. */
  CLIP_LR("clip range and learning rate of P3O-V2") {
    @Override
    Stream<Setting> vary(Setting base) {
      return rates(base)
          .flatMap(
              at ->
                  DoubleStream.of(0.05, 0.2, 0.8)
                      .mapToObj(clip -> at.with(Setting.Constant.CLIP, clip)));
    }
  },
  /** The two forms, and neither. */
  VARIANT("separate clipping (V1), joint clipping (V2), importance sampling without clipping") {
    @Override
    Stream<Setting> vary(Setting base) {
      return Stream.of(Objective.P3O_V1, Objective.P3O_V2, Objective.PPG_IS)
          .flatMap(objective -> rates(base.with(objective)));
    }
  },
  /** Responses to each prompt. */
  RESPONSES("k responses to each prompt, the samples as many") {
    @Override
    Stream<Setting> vary(Setting base) {
      return IntStream.of(2, 4, 8).mapToObj(base::withResponses);
    }
  },
  /** The price of KL. */
  BETA("the KL coefficient beta") {
    @Override
    Stream<Setting> vary(Setting base) {
      return DoubleStream.of(0, 0.02, 0.05, 0.1, 0.3).mapToObj(base::withKlCoefficient);
    }
  };

  private static final ImmutableDoubleArray RATES = ImmutableDoubleArray.of(1e-4, 3e-4, 1e-3);

  private final String about;

  Ablation(String about) {
    this.about = about;
  }

  private static Stream<Setting> rates(Setting base) {
    return RATES.stream().mapToObj(base::withLearningRate);
  }

  /** What it varies, in a few words. */
  String about() {
    return about;
  }

  abstract Stream<Setting> vary(Setting base);

  /** The settings to compare, from the one that the search chose. */
  ImmutableList<Setting> settings(Setting base) {
    return vary(base).collect(ImmutableList.toImmutableList());
  }

  /** The name on the command line. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name()).replace('_', '-');
  }
}
