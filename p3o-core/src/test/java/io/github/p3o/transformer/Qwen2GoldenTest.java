package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.io.Resources;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A Qwen2 checkpoint that transformers 5.18.0 wrote and an adapter of it that PEFT 0.21.0 wrote;
 * the numbers are those of golden/golden.py, which computes them in float64 with numpy and compares
 * them with both libraries' own.
 */
class Qwen2GoldenTest {

  @TempDir Path directory;

  private static Path checkpoint() {
    try {
      return Path.of(Resources.getResource(Qwen2GoldenTest.class, "golden/qwen2").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT, 1e-4", "DOUBLE, 1e-9"})
  void logProbs_ofEveryPrefix_equalAnIndependentImplementation(DataType type, double tolerance)
      throws IOException {
    Path expected = checkpoint().resolve("expected.json");
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint(), type);
        TransformerPolicy adapted = policy.loadAdapter(checkpoint().resolve("adapter"))) {
      assertThat(policy.config().architecture()).isEqualTo(Architecture.QWEN2);
      GoldenLogProbs.check(policy, expected, "next_token_logprobs", tolerance);
      GoldenLogProbs.check(adapted, expected, "next_token_logprobs_with_adapter", tolerance);
    }
  }

  @Test
  void save_ofWhatOthersWrote_writesTheSameTensors() {
    try (TransformerPolicy policy = TransformerPolicy.load(checkpoint());
        TransformerPolicy adapted = policy.loadAdapter(checkpoint().resolve("adapter"))) {
      policy.save(directory);
      adapted.saveAdapter(directory);
    }
    assertSameTensors("model.safetensors", "model.safetensors");
    assertSameTensors("adapter/" + LoraFiles.TENSORS, LoraFiles.TENSORS);
  }

  private void assertSameTensors(String theirs, String ours) {
    try (SafeTensors expected = SafeTensors.open(checkpoint().resolve(theirs));
        SafeTensors actual = SafeTensors.open(directory.resolve(ours))) {
      assertThat(actual.names()).isEqualTo(expected.names());
      for (String name : expected.names()) {
        assertThat(actual.read(name, DataType.FLOAT))
            .as(name)
            .isEqualTo(expected.read(name, DataType.FLOAT));
      }
    }
  }
}
