package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TrainerConfig;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A process of its own that does one thing with a model of 140 MB, once with a small one before it,
 * so that classes are loaded; prints by how many bytes its memory grew, as Linux counts it.
 */
final class ModelMemory {

  private static final int LAYERS = 8;
  private static final ImmutableList<Prompt> PROMPTS = ImmutableList.of(Prompt.of(1, 2, 3));
  private static final ImmutableList<Response> RESPONSES =
      ImmutableList.of(Response.of(4, 5, 6), Response.of(7, 8));

  private ModelMemory() {}

  /** The model that is looked at. */
  static DecoderConfig large() {
    return config(512);
  }

  private static DecoderConfig config(int width) {
    return DecoderConfig.llama(
        1000,
        width,
        4 * width,
        LAYERS,
        8,
        8,
        64,
        1e-5,
        10_000,
        true,
        OptionalInt.empty(),
        OptionalInt.empty());
  }

  /** Any values: they cost the same. */
  static TransformerPolicy policy(DecoderConfig config) {
    DecoderTensors tensors = DecoderTensors.of(config);
    Parameters parameters =
        Parameters.filled(
            DataType.FLOAT, tensors.languageModel(), (name, view) -> view.assign(0.01));
    return TransformerPolicy.of(new DecoderModel(tensors, parameters, StoredForm.NEW), 1);
  }

  public static void main(String[] args) {
    switch (args[0]) {
      case "lora" -> measured(ModelMemory::adapt);
      case "frozen" -> measured(ModelMemory::freeze);
      case "load" -> load(Path.of(args[1]));
      case "score loaded" -> score(Path.of(args[1]), TransformerPolicy::load);
      case "score mapped" -> score(Path.of(args[1]), TransformerPolicy::map);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static void measured(Consumer<DecoderConfig> work) {
    work.accept(config(16));
    work.accept(large());
  }

  /** From one model to policy, reference and two updates. */
  private static void adapt(DecoderConfig config) {
    try (TransformerPolicy base = policy(config)) {
      long before = begin();
      try (TransformerPolicy policy = base.withAdapter(LoraConfig.of(Architecture.LLAMA, 4), 1);
          TransformerPolicy reference = policy.withoutAdapter()) {
        train(policy, reference);
      }
      end(before);
    }
  }

  /** The same with all but the last layer frozen. */
  private static void freeze(DecoderConfig config) {
    TransformerPolicy base = policy(config);
    try (TransformerPolicy policy =
        base.withFrozen(FreezeConfig.firstLayers(Architecture.LLAMA, LAYERS - 1))) {
      base.close();
      long before = begin();
      try (Policy reference = policy.frozenCopy()) {
        train(policy, reference);
      }
      end(before);
    }
  }

  private static void train(TransformerPolicy policy, Policy reference) {
    try (PolicyScorer scorer = new PolicyScorer(policy, 2);
        P3OTrainer trainer =
            P3OTrainer.builder(policy, new ImportanceSampledLoss())
                .prompts(PromptSource.uniform(PROMPTS))
                .sampler(
                    (prompts, k, random) ->
                        new Samples(
                            prompts,
                            RESPONSES,
                            LogProbs.ofFlat(
                                k,
                                scorer.logProbs(
                                    ImmutableList.of(PROMPTS.get(0), PROMPTS.get(0)), RESPONSES))))
                .rewardModel(RewardModel.each((prompt, response) -> response.length()))
                .reference(reference)
                .config(
                    TrainerConfig.builder()
                        .promptsPerStep(1)
                        .promptsPerUpdate(1)
                        .promptsPerMicroBatch(1)
                        .optimizer(OptimizerConfig.adamW(1e-3))
                        .build())
                .build()) {
      trainer.train(2);
    }
  }

  private static void load(Path directory) {
    try (TransformerPolicy small = policy(config(16))) {
      small.save(directory.resolve("small"));
    }
    TransformerPolicy.load(directory.resolve("small")).close();
    long before = begin();
    try (TransformerPolicy loaded = TransformerPolicy.load(directory)) {
      end(before);
    }
  }

  /**
   * Prints by how much the memory that is the process's own, and no file's, has grown when a model
   * was opened, has scored and has sampled.
   */
  private static void score(Path directory, Function<Path, TransformerPolicy> open) {
    try (TransformerPolicy small = policy(config(16))) {
      small.save(directory.resolve("small"));
    }
    use(directory.resolve("small"), open);
    long before = status("RssAnon");
    System.out.println(use(directory, open) - before);
  }

  private static long use(Path directory, Function<Path, TransformerPolicy> open) {
    try (TransformerPolicy policy = open.apply(directory);
        PolicyScorer scorer = new PolicyScorer(policy, 2)) {
      scorer.logProbs(PROMPTS, RESPONSES.subList(0, 1));
      policy.greedy(PROMPTS, 4);
      return status("RssAnon");
    }
  }

  /** Forgets the peak so far, and gives the memory of now. */
  private static long begin() {
    try {
      Files.writeString(Path.of("/proc/self/clear_refs"), "5");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return status("VmRSS");
  }

  private static void end(long before) {
    System.out.println(status("VmHWM") - before);
  }

  private static long status(String key) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith(key + ":"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
