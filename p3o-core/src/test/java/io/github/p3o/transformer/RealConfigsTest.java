package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.io.Resources;
import com.google.common.primitives.ImmutableLongArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The keys and values of published models' {@code config.json}. */
class RealConfigsTest {

  @TempDir Path directory;

  private DecoderConfig read(String model) throws IOException {
    Files.write(
        directory.resolve(DecoderConfigJson.FILE),
        Resources.toByteArray(Resources.getResource(getClass(), "configs/" + model + ".json")));
    return DecoderConfig.read(directory);
  }

  /** Parameters as the models' authors count them, which no wrong size would give. */
  @ParameterizedTest
  @CsvSource({
    "pythia-70m, 70426624",
    "pythia-160m, 162322944",
    "pythia-410m, 405334016",
    "pythia-1b, 1011781632",
    "pythia-1.4b, 1414647808",
    "gpt2, 124439808",
    "distilgpt2, 81912576",
    "llama-2-7b, 6738415616",
    "llama-2-7b-chat, 6738415616",
    "llama-3-8b-instruct, 8030261248",
    "llama-3.2-1b-instruct, 1235814400",
    "tinyllama-1.1b-chat, 1100048384",
    "smollm-135m, 134515008",
    "smollm2-135m, 134515008",
    "smollm2-135m-instruct, 134515008",
    "qwen2-0.5b, 494032768",
    "qwen2.5-0.5b, 494032768",
    "qwen2.5-0.5b-rewritten, 494032768",
    "qwen2.5-0.5b-instruct, 494032768",
    "qwen3-0.6b, 596049920"
  })
  void read_ofAPublishedModel_givesItsParameters(String model, long parameters) throws IOException {
    DecoderConfig config = read(model);

    assertThat(
            DecoderTensors.of(config).languageModel().values().stream()
                .mapToLong(RealConfigsTest::elements)
                .sum())
        .isEqualTo(parameters);
  }

  private static long elements(ImmutableLongArray shape) {
    return shape.stream().reduce(1, Math::multiplyExact);
  }

  @ParameterizedTest
  @CsvSource("qwen2-sliding-window, use_sliding_window")
  void read_ofAModelThatNeedsMore_namesTheSetting(String model, String key) {
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(": " + key + ": expected ");
  }
}
