package io.github.p3o.transformer;

import static io.github.p3o.transformer.TinyModels.PROMPTS;
import static io.github.p3o.transformer.TinyModels.RESPONSES;
import static io.github.p3o.transformer.TinyModels.logProbs;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.github.p3o.Checkpoint;
import io.github.p3o.P3OTrainer;
import io.github.p3o.Samples;
import io.github.p3o.internal.Fingerprint;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Models whose weights are the pages of their files: the bits of those that were read. */
@Tag("cpu")
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "mapped files cannot be replaced or deleted")
class MappedModelTest {

  @TempDir Path directory;

  /** Saves a model of each architecture, in one file. */
  private void save(DecoderConfig config) {
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT)) {
      policy.save(directory);
    }
  }

  /** The same in two files. */
  private void saveSharded(DecoderConfig config, TensorType ofSecond) {
    DecoderConfigJson.write(config, TensorType.F32, directory);
    DataType type = ofSecond == TensorType.F64 ? DataType.DOUBLE : DataType.FLOAT;
    try (TransformerPolicy policy = TinyModels.policy(config, type)) {
      Map<String, INDArray> tensors = policy.parameters().asMap();
      StoredForm form =
          new StoredForm(
              Maps.toMap(tensors.keySet(), name -> inSecond(name) ? ofSecond : TensorType.F32),
              Maps.toMap(
                  tensors.keySet(),
                  name -> "model-0000%s.safetensors".formatted(inSecond(name) ? 2 : 1)),
              ImmutableMap.of());
      CheckpointWriter.write(directory, tensors, form, Precision.AS_READ);
    }
  }

  private static boolean inSecond(String name) {
    return name.contains(".1.");
  }

  private static void assertSame(TransformerPolicy mapped, TransformerPolicy loaded) {
    assertThat(mapped.parameters().names()).isEqualTo(loaded.parameters().names());
    assertThat(logProbs(mapped)).isEqualTo(logProbs(loaded));
    Samples drawn = mapped.sampler(9).sample(PROMPTS, 2, new SplittableRandom(1));
    assertThat(drawn).isEqualTo(loaded.sampler(9).sample(PROMPTS, 2, new SplittableRandom(1)));
    assertThat(mapped.greedy(PROMPTS, 9)).isEqualTo(loaded.greedy(PROMPTS, 9));
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void map_ofACheckpoint_scoresAndSamplesAsTheLoadedOne(DecoderConfig config) {
    save(config);
    try (TransformerPolicy loaded = TransformerPolicy.load(directory);
        TransformerPolicy mapped = TransformerPolicy.map(directory)) {
      assertSame(mapped, loaded);
      assertThat(mapped.parameters().count()).isEqualTo(loaded.parameters().count());
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void map_ofSeveralFiles_scoresAndSamplesAsTheLoadedOne(DecoderConfig config) {
    saveSharded(config, TensorType.F32);
    try (TransformerPolicy loaded = TransformerPolicy.load(directory);
        TransformerPolicy mapped = TransformerPolicy.map(directory)) {
      assertSame(mapped, loaded);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"stories260k", "tiny/tiny-llama", "tiny/tiny-gpt2", "tiny/tiny-gpt-neox"})
  void map_ofARealCheckpoint_scoresAsTheLoadedOne(String name) {
    Path checkpoint = SharedData.require(name);
    try (TransformerPolicy loaded = TransformerPolicy.load(checkpoint);
        TransformerPolicy mapped = TransformerPolicy.map(checkpoint)) {
      assertSame(mapped, loaded);
    }
  }

  private static float[] trained(
      TransformerPolicy base, UnaryOperator<TransformerPolicy> part, int steps) {
    try (TransformerPolicy policy = part.apply(base);
        TransformerPolicy reference = policy.frozenCopy();
        P3OTrainer trainer = TinyModels.trainer(policy).reference(reference).build()) {
      trainer.train(steps);
      return policy.parameters().vector().toFloatVector();
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void train_ofAnAdapterOverAMappedModel_endsWithTheSameBits(DecoderConfig config) {
    saveSharded(config, TensorType.F32);
    LoraConfig lora = LoraTest.everywhere(config);
    try (TransformerPolicy loaded = TransformerPolicy.load(directory);
        TransformerPolicy mapped = TransformerPolicy.map(directory)) {
      float[] expected = trained(loaded, base -> base.withAdapter(lora, 1), 3);
      assertThat(trained(mapped, base -> base.withAdapter(lora, 1), 3)).isEqualTo(expected);
      assertThat(trained(mapped, base -> base.withAdapter(lora, 1), 0)).isNotEqualTo(expected);
    }
  }

  /** What is frozen is not copied, and what is trained is. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void train_ofAPartOfAMappedModel_endsWithTheSameBits(DecoderConfig config) {
    save(config);
    FreezeConfig freezing = FreezeConfig.firstLayers(config.architecture(), 1);
    try (TransformerPolicy loaded = TransformerPolicy.load(directory);
        TransformerPolicy mapped = TransformerPolicy.map(directory);
        TransformerPolicy policy = mapped.withFrozen(freezing)) {
      policy
          .frozenParameters()
          .forEach((name, array) -> assertThat(array).isSameAs(mapped.parameters().get(name)));
      assertThat(trained(mapped, base -> base.withFrozen(freezing), 3))
          .isEqualTo(trained(loaded, base -> base.withFrozen(freezing), 3));
      assertThat(logProbs(mapped)).isEqualTo(logProbs(loaded));
    }
  }

  /** Adapter, reference and reference's fingerprint are those of a training over a loaded model. */
  @Test
  void restore_ofACheckpointOverTheLoadedModel_goesOnOverTheMappedOne() {
    save(TinyModels.config());
    LoraConfig lora = LoraTest.everywhere(TinyModels.config());
    try (TransformerPolicy loaded = TransformerPolicy.load(directory);
        TransformerPolicy mapped = TransformerPolicy.map(directory);
        TransformerPolicy first = loaded.withAdapter(lora, 1);
        TransformerPolicy second = mapped.withAdapter(lora, 2);
        TransformerPolicy referenceOfFirst = first.withoutAdapter();
        TransformerPolicy referenceOfSecond = second.withoutAdapter();
        P3OTrainer begun = TinyModels.trainer(first).reference(referenceOfFirst).build();
        P3OTrainer resumed = TinyModels.trainer(second).reference(referenceOfSecond).build()) {
      assertThat(Fingerprint.of(referenceOfSecond)).isEqualTo(Fingerprint.of(referenceOfFirst));
      begun.train(2);
      Checkpoint checkpoint = begun.checkpoint();
      resumed.restore(checkpoint);
      begun.train(2);
      resumed.train(2);
      assertThat(second.parameters().vector()).isEqualTo(first.parameters().vector());
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void map_ofARewardModel_scoresAsTheLoadedOne_alsoUnderAnAdapter(DecoderConfig config) {
    try (TransformerRewardModel model = TransformerRewardModel.random(config, DataType.FLOAT, 5)) {
      TinyModels.scatter(model.parameters());
      model.save(directory);
    }
    try (TransformerRewardModel loaded = TransformerRewardModel.load(directory);
        TransformerRewardModel mapped = TransformerRewardModel.map(directory);
        TransformerRewardModel ofLoaded = loaded.withAdapter(LoraTest.everywhere(config), 1);
        TransformerRewardModel ofMapped = mapped.withAdapter(LoraTest.everywhere(config), 1)) {
      assertThat(mapped.score(PROMPTS, RESPONSES)).isEqualTo(loaded.score(PROMPTS, RESPONSES));
      assertThat(Fingerprint.of(mapped)).isEqualTo(Fingerprint.of(loaded));
      TinyModels.scatter(ofLoaded.parameters());
      TinyModels.scatter(ofMapped.parameters());
      assertThat(ofMapped.score(PROMPTS, RESPONSES)).isEqualTo(ofLoaded.score(PROMPTS, RESPONSES));
      assertThat(ofMapped.parameters().vector()).isEqualTo(ofLoaded.parameters().vector());
    }
  }

  @Test
  void update_ofAMappedModel_isRefused() {
    save(TinyModels.config());
    try (TransformerPolicy mapped = TransformerPolicy.map(directory)) {
      assertThat(mapped.parameters().isFrozen()).isTrue();
      assertThatIllegalStateException()
          .isThrownBy(() -> mapped.parameters().update(vector -> vector.addi(1)))
          .withMessage("parameters: expected trainable ones, got frozen ones");
      assertThatIllegalStateException()
          .isThrownBy(() -> mapped.parameters().vector())
          .withMessageStartingWith("vector: expected parameters side by side");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> TinyModels.trainer(mapped).reference(mapped).build())
          .withMessage("parameters: expected trainable ones, got frozen ones");
      try (TransformerActorCritic both = TransformerActorCritic.fromPolicy(mapped)) {
        assertThat(both.parameters().isFrozen()).isFalse(); // a copy
      }
    }
  }

  @Test
  void close_ofAMappedModel_endsItsUseButNotThatOfAnAdapterOverIt() {
    save(TinyModels.config());
    TransformerPolicy mapped = TransformerPolicy.map(directory);
    double[] before = logProbs(mapped);
    TransformerPolicy adapted = mapped.withAdapter(LoraConfig.of(Architecture.LLAMA, 2), 1);
    TransformerPolicy reference = adapted.withoutAdapter();
    INDArray array = mapped.parameters().get("model.norm.weight");

    mapped.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> logProbs(mapped))
        .withMessage("parameters: expected open parameters, got closed ones");
    assertThatIllegalStateException()
        .isThrownBy(() -> mapped.greedy(PROMPTS, 3))
        .withMessage("parameters: expected open parameters, got closed ones");
    assertThatIllegalStateException().isThrownBy(mapped::frozenCopy);
    assertThat(logProbs(adapted)).isEqualTo(before);
    adapted.close();
    assertThat(logProbs(reference)).isEqualTo(before);
    assertThat(array.wasClosed()).isFalse();
    reference.close();
    assertThat(array.wasClosed()).isTrue();
  }

  private long mappings() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(directory.toString())).count();
    }
  }

  /** Nothing else unmaps, and nothing keeps the mapping. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void close_thenACollectionOfGarbage_unmapsTheFiles() throws Exception {
    saveSharded(TinyModels.config(), TensorType.F32);
    try (TransformerPolicy mapped = TransformerPolicy.map(directory)) {
      System.gc();
      assertThat(logProbs(mapped)).doesNotContain(Double.NaN);
      mapped.sampler(3).sample(PROMPTS, 2, new SplittableRandom(1));
      assertThat(mappings()).isEqualTo(2);
    }
    for (int i = 0; i < 100 && mappings() > 0; i++) {
      System.gc();
      Thread.sleep(50);
    }
    assertThat(mappings()).isZero();
  }

  /** What is saved takes the files' names; the mapped ones stay until nobody has them. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void save_overTheMappedFiles_leavesTheModelAsItWas(boolean sharded) {
    if (sharded) {
      saveSharded(TinyModels.config(), TensorType.F32);
    } else {
      save(TinyModels.config());
    }
    try (TransformerPolicy mapped = TransformerPolicy.map(directory);
        TransformerPolicy adapted =
            mapped.withAdapter(LoraTest.everywhere(TinyModels.config()), 1)) {
      double[] before = logProbs(mapped);
      TinyModels.scatter(adapted.parameters());
      double[] after = logProbs(adapted);
      adapted.save(directory);

      assertThat(logProbs(mapped)).isEqualTo(before);
      assertThat(logProbs(adapted)).isEqualTo(after);
      try (TransformerPolicy saved = TransformerPolicy.map(directory);
          TransformerPolicy merged = adapted.merged()) {
        assertThat(logProbs(saved)).isEqualTo(logProbs(merged)).isNotEqualTo(before);
      }
      mapped.save(directory); // and back again
      try (TransformerPolicy saved = TransformerPolicy.load(directory)) {
        assertThat(logProbs(saved)).isEqualTo(before);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F16", "BF16", "F64"})
  void map_ofAnotherType_saysWhatToDo(TensorType type) {
    saveSharded(TinyModels.config(), type);
    assertThatThrownBy(() -> TransformerPolicy.map(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model-00002.safetensors: model.layers.1.")
        .hasMessageEndingWith(
            ".dtype: expected F32 to be mapped (load reads others; saved as FLOAT32 it is F32), got"
                + " %s",
            type);
    try (TransformerPolicy loaded = TransformerPolicy.load(directory)) {
      loaded.save(directory, Precision.FLOAT32);
      try (TransformerPolicy mapped = TransformerPolicy.map(directory)) {
        assertSame(mapped, loaded);
      }
    }
  }

  /** A header may have any length: what follows it lies where it ends. */
  @Test
  void map_ofTensorsThatAreNotAligned_saysWhatToDo() throws IOException {
    save(TinyModels.config());
    Path file = directory.resolve(TensorSource.SINGLE_FILE);
    byte[] bytes = Files.readAllBytes(file);
    int header = (bytes[0] & 255) | (bytes[1] & 255) << 8;
    byte[] moved = new byte[bytes.length + 1]; // a blank more behind the header's JSON
    System.arraycopy(bytes, 0, moved, 0, 8 + header);
    moved[0]++;
    moved[8 + header] = ' ';
    System.arraycopy(bytes, 8 + header, moved, 9 + header, bytes.length - 8 - header);
    Files.write(file, moved);

    assertThatThrownBy(() -> TransformerPolicy.map(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(
            ".data_offsets: expected a place that is a multiple of 4 bytes to be mapped (load"
                + " reads others; saved again it is), got ");
    try (TransformerPolicy loaded = TransformerPolicy.load(directory)) {
      loaded.save(directory);
      try (TransformerPolicy mapped = TransformerPolicy.map(directory)) {
        assertSame(mapped, loaded);
      }
    }
  }
}
