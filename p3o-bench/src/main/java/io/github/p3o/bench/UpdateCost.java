package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Prints time and memory of one update of 64 pairs of a model's own samples: {@code UpdateCost DIR
 * [new tokens] [pairs at once] [LoRA rank, 0 for none]}. Weights are random where DIR has no more
 * than a config.json: they cost the same.
 */
public final class UpdateCost {

  private static final int PAIRS = 64;
  private static final int PROMPT_TOKENS = 16;
  private static final int REPEATS = 2;

  private UpdateCost() {}

  /** Measures a Hugging Face directory. */
  public static void main(String[] args) throws Exception {
    if (args.length < 1) {
      throw new IllegalArgumentException(
          "expected DIR [new tokens] [pairs at once] [LoRA rank], got nothing");
    }
    int newTokens = argument(args, 1, 48);
    int atOnce = argument(args, 2, 8);
    int rank = argument(args, 3, 0);
    long before = Pointer.physicalBytes();
    try (TransformerPolicy whole = model(Path.of(args[0]))) {
      print("model", "%s", whole.config());
      print("parameters", "%,d", whole.parameters().count());
      System.gc(); // what random weights were made of
      print("memory with the model", "%,d MiB more", mebibytes(Pointer.physicalBytes() - before));
      if (rank == 0) {
        try (Policy reference = whole.frozenCopy()) {
          measure(whole, reference, newTokens, atOnce);
        }
        return;
      }
      LoraConfig lora = LoraConfig.of(whole.config().architecture(), rank);
      try (TransformerPolicy adapted = whole.withAdapter(lora, 1);
          Policy reference = adapted.withoutAdapter()) {
        print("trained parameters", "%,d", adapted.parameters().count());
        measure(adapted, reference, newTokens, atOnce);
      }
    }
  }

  private static TransformerPolicy model(Path directory) {
    return Files.exists(directory.resolve("model.safetensors"))
            || Files.exists(directory.resolve("model.safetensors.index.json"))
        ? TransformerPolicy.load(directory)
        : TransformerPolicy.random(DecoderConfig.read(directory), DataType.FLOAT, 1);
  }

  private static int argument(String[] args, int index, int absent) {
    return index < args.length ? Integer.parseInt(args[index]) : absent;
  }

  private static void measure(TransformerPolicy policy, Policy reference, int newTokens, int atOnce)
      throws Exception {
    ImmutableList<Prompt> prompts =
        RandomPrompts.of(1, PAIRS, PROMPT_TOKENS, 0, policy.config().vocabularySize());
    TrainerConfig config =
        TrainerConfig.builder()
            .promptsPerStep(PAIRS)
            .promptsPerUpdate(PAIRS)
            .promptsPerMicroBatch(atOnce)
            .optimizer(OptimizerConfig.adamW(1e-5))
            .build();
    try (P3OTrainer trainer =
        P3OTrainer.builder(policy, P3OLoss.v2())
            .prompts(PromptSource.uniform(prompts))
            .sampler(policy.sampler(newTokens))
            .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0) % 7))
            .reference(reference)
            .config(config)
            .build()) {
      for (int i = 0; i < REPEATS; i++) { // the first one plans and loads native code
        int step = i;
        PairwiseBatch batch = timed("sampling and scoring", () -> trainer.rollout(step));
        timed("update of 64 pairs", () -> trainer.apply(trainer.gradients(batch)));
        print("memory of the process", "%,d MiB", mebibytes(Pointer.physicalBytes()));
      }
      print("at its peak", "%s", peak());
    }
  }

  /** As Linux counts it. */
  private static String peak() throws IOException {
    return ProcessMemory.isCounted() ? ProcessMemory.peakMebibytes() + " MiB" : "unknown";
  }

  private static <T> T timed(String what, Callable<T> work) throws Exception {
    long start = System.nanoTime();
    Duration before = processorTime();
    T result = work.call();
    print(what, "%.2f s", (System.nanoTime() - start) / 1e9);
    print("  processor time", "%.2f s", processorTime().minus(before).toMillis() / 1e3);
    return result;
  }

  /** Of all threads: what other programs on the machine hardly change. */
  private static Duration processorTime() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }

  private static long mebibytes(long bytes) {
    return bytes >> 20;
  }

  private static void print(String what, String format, Object value) {
    System.out.printf(Locale.ROOT, "%-24s " + format + "%n", what, value);
  }
}
