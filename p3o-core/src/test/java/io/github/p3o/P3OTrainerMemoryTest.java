package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.testing.Bandit;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

/** Nothing grows with the number of steps, and nothing waits for the garbage collector. */
class P3OTrainerMemoryTest {

  private static final int CONTEXTS = 100;
  private static final int CHOICES = 4000;
  private static final int STEPS_A_SAMPLE = 50;

  /** One array of the parameters' size that is not closed in each step makes five times as much. */
  private static final long BOUND = 3L * STEPS_A_SAMPLE * CONTEXTS * CHOICES * Double.BYTES / 5;

  @Test
  void train_threeHundredSteps_takesNoMoreMemoryInTheSecondHalf() {
    List<Long> samples = memoryAfterEveryFiftySteps(6);
    System.out.printf("memory outside the heap after every 50 steps: %s bytes%n", samples);
    assertThat(samples.get(5) - samples.get(2)).isLessThan(BOUND);
  }

  /** The process's memory less that of Java's heap. */
  private static List<Long> memoryAfterEveryFiftySteps(int count) {
    List<Prompt> prompts = IntStream.range(0, CONTEXTS).mapToObj(Prompt::of).toList();
    TrainerConfig config =
        TrainerConfig.builder().promptsPerStep(8).promptsPerUpdate(5).epochsPerStep(1).build();
    List<Long> samples = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(CONTEXTS, CHOICES);
        P3OTrainer trainer =
            Bandit.trainer(policy).prompts(PromptSource.uniform(prompts)).config(config).build()) {
      for (int i = 0; i < count; i++) {
        trainer.train(STEPS_A_SAMPLE);
        samples.add(Pointer.physicalBytes() - Runtime.getRuntime().totalMemory());
      }
    }
    return samples;
  }
}
