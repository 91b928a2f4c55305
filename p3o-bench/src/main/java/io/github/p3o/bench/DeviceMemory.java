package io.github.p3o.bench;

import io.github.p3o.Backend;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PromptSource;
import io.github.p3o.RewardModel;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.train.Checkpoints;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * Memory of the device and of the process over whole steps of P3O-V2 by a decoder of 1 million
 * parameters:
 *
 * <ul>
 *   <li>{@code DeviceMemory growth SECONDS}: trains for so long, and prints eight times what is
 *       used
 *   <li>{@code DeviceMemory exhaust DIR}: trains two steps, saves a checkpoint, takes a third step,
 *       then trains larger and larger models on larger batches until memory ends, and prints with
 *       which error
 *   <li>{@code DeviceMemory resume DIR}: in another process, goes on from the checkpoint and takes
 *       the third step; its loss is the same
 * </ul>
 */
public final class DeviceMemory {

  private static final int PROMPTS = 16;
  private static final int MANY_PROMPTS = 256;
  private static final int NEW_TOKENS = 24;
  private static final int LINES = 8;
  private static final int WARMUP = 3;

  private DeviceMemory() {}

  /** Does one of them. */
  public static void main(String[] args) throws IOException {
    if (args.length != 2) {
      throw new IllegalArgumentException(
          "expected growth SECONDS, exhaust DIR or resume DIR, got " + List.of(args));
    }
    System.out.println(Backend.start());
    switch (args[0]) {
      case "growth" -> growth(Integer.parseInt(args[1]));
      case "exhaust" -> exhaust(new Checkpoints(Path.of(args[1]), 2));
      case "resume" -> resume(new Checkpoints(Path.of(args[1]), 2));
      default -> throw new IllegalArgumentException("expected growth, exhaust or resume");
    }
    System.exit(0);
  }

  private static void growth(int seconds) throws IOException {
    try (TransformerPolicy policy = policy(ModelSize.M1);
        P3OTrainer trainer = trainer(policy, PROMPTS)) {
      trainer.train(WARMUP);
      long start = System.nanoTime();
      Runtime.getRuntime().gc();
      print("growth", "after 0 s, step %d: %s", trainer.stepsDone(), used());
      for (int line = 1; line <= LINES; line++) {
        do {
          trainer.step();
        } while (System.nanoTime() - start < seconds * 1e9 * line / LINES);
        Runtime.getRuntime().gc(); // arrays that nobody closed are freed with their owners
        long spent = (System.nanoTime() - start) / 1_000_000_000;
        print("growth", "after %d s, step %d: %s", spent, trainer.stepsDone(), used());
      }
    }
  }

  /** The third step after the checkpoint is what {@link #resume} repeats. */
  private static void exhaust(Checkpoints checkpoints) throws IOException {
    try (TransformerPolicy policy = policy(ModelSize.M1);
        P3OTrainer trainer = trainer(policy, PROMPTS)) {
      trainer.train(2);
      checkpoints.save(trainer);
      print("exhaust", "loss of the third step %s", loss(trainer));
      print("exhaust", "before: %s", used());
      Throwable error = larger();
      print("exhaust", "error %s", error == null ? "none: nothing was too large" : text(error));
      print("exhaust", "after: %s", used());
      checkpoints.resume(trainer);
      print("exhaust", "loss of the third step, same process, after the error %s", loss(trainer));
    }
  }

  private static @Nullable Throwable larger() {
    for (ModelSize size : ModelSize.values()) {
      print("exhaust", "training %s by %d prompts", size, MANY_PROMPTS);
      try (TransformerPolicy policy = policy(size);
          P3OTrainer trainer = trainer(policy, MANY_PROMPTS)) {
        trainer.step();
      } catch (RuntimeException | Error e) {
        return e;
      }
    }
    return null;
  }

  /** With what caused it: both are what a user sees. */
  private static String text(Throwable error) {
    Throwable cause = error.getCause();
    String text = error + (cause == null ? "" : ", cause " + cause);
    return text.replace('\n', ' ');
  }

  private static void resume(Checkpoints checkpoints) {
    try (TransformerPolicy policy = policy(ModelSize.M1);
        P3OTrainer trainer = trainer(policy, PROMPTS)) {
      print("resume", "from %s", checkpoints.resume(trainer));
      print("resume", "loss of the third step %s", loss(trainer));
    }
  }

  private static double loss(P3OTrainer trainer) {
    return trainer.step().get("loss/policy_avg");
  }

  private static TransformerPolicy policy(ModelSize size) {
    return ModelWork.policy(size, 2 * NEW_TOKENS, DataType.FLOAT);
  }

  private static P3OTrainer trainer(TransformerPolicy policy, int prompts) {
    return P3OTrainer.builder(policy, P3OLoss.v2())
        .prompts(
            PromptSource.uniform(
                RandomPrompts.of(
                    1, prompts, ModelWork.PROMPT, 0, policy.config().vocabularySize())))
        .sampler(policy.sampler(NEW_TOKENS))
        .rewardModel(RewardModel.each((prompt, response) -> response.tokens().get(0) % 7))
        .config(
            TrainerConfig.builder()
                .promptsPerStep(prompts)
                .promptsPerUpdate(prompts)
                .promptsPerMicroBatch(prompts)
                .optimizer(OptimizerConfig.adamW(1e-5))
                .build())
        .build();
  }

  /** In MiB; the device's by all processes. */
  private static String used() throws IOException {
    NativeOps device = NativeOpsHolder.getInstance().getDeviceNativeOps();
    Nd4j.getExecutioner().commit();
    long total = device.getDeviceTotalMemory(0);
    return String.format(
        Locale.ROOT,
        "device %d of %d MiB, process %d MiB, Java heap %d MiB",
        total <= 0 ? 0 : (total - device.getDeviceFreeMemoryDefault()) >> 20,
        total >> 20,
        ProcessMemory.bytes("status", "VmRSS") >> 20,
        (Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) >> 20);
  }

  private static void print(String what, String format, @Nullable Object... values) {
    System.out.printf(Locale.ROOT, what + " " + format + "%n", values);
  }
}
