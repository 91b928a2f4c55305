package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.testing.Bandit;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

/** Nothing grows with the number of steps. */
class P3OTrainerMemoryTest {

  private static final int CONTEXTS = 100;
  private static final int CHOICES = 1000;
  private static final int SAMPLES = 12;
  private static final int STEPS_A_SAMPLE = 84;

  /**
   * Half of what one array of the parameters' size makes that each step leaves behind, 200 MB. More
   * than what the allocator keeps back varies by.
   */
  private static final long BOUND =
      SAMPLES / 2L * STEPS_A_SAMPLE * CONTEXTS * CHOICES * Double.BYTES / 2;

  @Test
  void train_twoThousandUpdates_takesNoMoreMemoryInTheSecondHalf() {
    List<Long> samples = memoryAfterEverySomeSteps();
    System.out.printf("memory outside the heap, in the course of 2,016 updates: %s%n", samples);
    List<Long> first = samples.subList(0, SAMPLES / 2);
    List<Long> second = samples.subList(SAMPLES / 2, SAMPLES);
    assertThat(median(second) - median(first)).isLessThan(BOUND);
  }

  private static long median(List<Long> samples) {
    return samples.stream().sorted().toList().get(samples.size() / 2);
  }

  /** The process's memory less that of Java's heap. */
  private static List<Long> memoryAfterEverySomeSteps() {
    List<Prompt> prompts = IntStream.range(0, CONTEXTS).mapToObj(Prompt::of).toList();
    TrainerConfig config =
        TrainerConfig.builder().promptsPerStep(8).promptsPerUpdate(5).epochsPerStep(1).build();
    List<Long> samples = new ArrayList<>();
    try (TabularPolicy policy = TabularPolicy.uniform(CONTEXTS, CHOICES);
        P3OTrainer trainer =
            Bandit.trainer(policy).prompts(PromptSource.uniform(prompts)).config(config).build()) {
      for (int i = 0; i < SAMPLES; i++) {
        trainer.train(STEPS_A_SAMPLE);
        System.gc(); // the heap is then small and hardly varies
        samples.add(Pointer.physicalBytes() - Runtime.getRuntime().totalMemory());
      }
    }
    return samples;
  }
}
