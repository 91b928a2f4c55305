package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A Qwen3 checkpoint that transformers 5.18.0 wrote; the numbers are those of
 * golden/golden_qwen3.py, which computes them in float64 with numpy and compares them with
 * transformers' own.
 */
class Qwen3GoldenTest {

  @TempDir Path directory;

  private static Path checkpoint() {
    return GoldenLogProbs.checkpoint("qwen3");
  }

  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-4", "DOUBLE, 1e-9"})
  void logProbs_ofEveryPrefix_equalAnIndependentImplementation(DataType type, double tolerance)
      throws IOException {
    Path expected = checkpoint().resolve("expected.json");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type)) {
      assertThat(policy.config().architecture()).isEqualTo(Architecture.QWEN3);
      assertThat(policy.config().headSize()).isEqualTo(6);
      assertThat(policy.config().hiddenSize()).isEqualTo(20);
      GoldenLogProbs.check(policy, expected, "next_token_logprobs", tolerance);
    }
  }

  @Test
  void save_ofWhatOthersWrote_writesTheSameTensorsAndSizes() {
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint())) {
      policy.save(directory);
      assertThat(DecoderConfig.read(directory)).isEqualTo(policy.config());
    }
    SafeTensorsFiles.assertSameTensors(
        directory.resolve("model.safetensors"), checkpoint().resolve("model.safetensors"));
  }
}
