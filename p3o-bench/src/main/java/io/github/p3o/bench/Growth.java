package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Rewards;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.Collector;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Time and memory of a training step against one size at a time: {@code Growth measure FILE AXIS}
 * adds lines to a table, each axis in a process of its own; {@code Growth plot FILE SVG} draws it.
 */
public final class Growth {

  static final ImmutableMap<String, ImmutableList<Integer>> AXES =
      ImmutableMap.of(
          "pairs", ImmutableList.of(2, 4, 8, 16, 32, 64),
          "tokens", ImmutableList.of(16, 32, 64, 128, 256, 512),
          "vocabulary", ImmutableList.of(512, 1024, 2048, 4096, 8192, 16384),
          "width", ImmutableList.of(64, 128, 256, 512),
          "k", ImmutableList.of(2, 3, 4, 6, 8));

  private static final int PROMPT = 8;
  private static final int WARMUP = 2;
  private static final int STEPS = 5;

  /** What a step is made of; of these one is varied. */
  private record Sizes(int pairs, int tokens, int vocabulary, int width, int k) {

    static Sizes of(String axis, int value) {
      return new Sizes(
          axis.equals("pairs") ? value : axis.equals("k") ? 4 : 16,
          axis.equals("tokens") ? value : 128,
          axis.equals("vocabulary") ? value : 2048,
          axis.equals("width") ? value : 128,
          axis.equals("k") ? value : 2);
    }

    DecoderConfig config() {
      return DecoderConfig.llama(
          vocabulary,
          width,
          width * 8 / 3 / 32 * 32,
          4,
          width / 32,
          width / 32,
          tokens,
          1e-5,
          10_000,
          false,
          OptionalInt.empty(),
          OptionalInt.empty());
    }
  }

  private Growth() {}

  /** Measures or plots. */
  public static void main(String[] args) throws IOException {
    if (args.length != 3 || !List.of("measure", "plot").contains(args[0])) {
      throw new IllegalArgumentException("expected measure FILE AXIS, or plot FILE SVG");
    }
    Path table = Path.of(args[1]);
    List<String> lines = new ArrayList<>();
    if (Files.exists(table)) {
      lines.addAll(Files.readAllLines(table));
    }
    if (args[0].equals("plot")) {
      Files.writeString(Path.of(args[2]), GrowthPlot.of(lines));
      return;
    }
    String axis = args[2];
    ImmutableList<Integer> values = AXES.get(axis);
    if (values == null) {
      throw new IllegalArgumentException("axis: expected one of " + AXES.keySet());
    }
    lines.removeIf(line -> line.startsWith(axis + ","));
    measure(axis, values.get(0)); // the JVM compiles what all of them run
    for (int value : values) {
      String line = measure(axis, value);
      System.out.println(line);
      lines.add(line);
    }
    Files.write(table, lines);
  }

  /** Axis, value, milliseconds, parameters, MiB of the process. */
  private static String measure(String axis, int value) {
    Sizes sizes = Sizes.of(axis, value);
    try (TransformerPolicy policy = TransformerPolicy.random(sizes.config(), DataType.FLOAT, 1);
        P3OTrainer trainer = trainer(policy, sizes)) {
      PairwiseBatch batch = batch(sizes);
      double[] times = new double[STEPS];
      for (int i = -WARMUP; i < STEPS; i++) {
        long start = System.nanoTime();
        trainer.apply(trainer.gradients(batch));
        if (i >= 0) {
          times[i] = (System.nanoTime() - start) / 1e6;
        }
      }
      Arrays.sort(times);
      return String.format(
          Locale.ROOT,
          "%s,%d,%.1f,%d,%d",
          axis,
          value,
          times[STEPS / 2],
          policy.parameters().count(),
          Pointer.physicalBytes() >> 20);
    }
  }

  private static P3OTrainer trainer(TransformerPolicy policy, Sizes sizes) {
    return P3OTrainer.builder(policy, P3OLoss.v2())
        .prompts(PromptSource.uniform(List.of(Prompt.of(1))))
        .sampler(policy.sampler(1))
        .rewardModel(RewardModel.each((prompt, response) -> 0))
        .config(
            TrainerConfig.builder()
                .responsesPerPrompt(sizes.k())
                .promptsPerStep(sizes.pairs())
                .promptsPerMicroBatch(sizes.pairs())
                .optimizer(OptimizerConfig.adamW(1e-5))
                .build())
        .build();
  }

  private static PairwiseBatch batch(Sizes sizes) {
    SplittableRandom random = new SplittableRandom(2);
    int count = sizes.k() * sizes.pairs();
    double[] old = new double[count];
    Arrays.fill(old, -(sizes.tokens() - PROMPT) * Math.log(sizes.vocabulary()));
    return new PairwiseBatch(
        ImmutableLongArray.copyOf(LongStream.range(0, sizes.pairs())),
        texts(sizes.pairs(), PROMPT, sizes, random).map(Prompt::of).collect(toList()),
        texts(count, sizes.tokens() - PROMPT, sizes, random).map(Response::of).collect(toList()),
        LogProbs.ofFlat(sizes.k(), old),
        LogProbs.ofFlat(sizes.k(), old),
        Rewards.ofFlat(sizes.k(), random.doubles(count, -1, 1).toArray()));
  }

  private static <T> Collector<T, ?, ImmutableList<T>> toList() {
    return ImmutableList.toImmutableList();
  }

  private static Stream<int[]> texts(int count, int length, Sizes sizes, SplittableRandom random) {
    return Stream.generate(() -> random.ints(length, 0, sizes.vocabulary()).toArray()).limit(count);
  }
}
