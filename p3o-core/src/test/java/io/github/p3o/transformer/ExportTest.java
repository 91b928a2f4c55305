package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableLongArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A model is written in the types and files that it was read from. */
class ExportTest {

  private static final String FIRST = "model-00001-of-00002.safetensors";
  private static final String SECOND = "model-00002-of-00002.safetensors";

  @TempDir Path directory;
  private Path from;
  private Path to;

  @BeforeEach
  void nameDirectories() {
    from = directory.resolve("from");
    to = directory.resolve("to");
  }

  /** Norms of another type than the rest, as some checkpoints have them. */
  private static ImmutableMap<String, TensorType> types(
      Map<String, INDArray> tensors, TensorType type) {
    return ImmutableMap.copyOf(
        Maps.transformValues(tensors, array -> array.rank() == 1 ? TensorType.F32 : type));
  }

  /** Writes a model in one file. */
  private void writeSingle(DecoderConfig config, TensorType type) {
    DecoderConfigJson.write(config, type, from);
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT)) {
      Map<String, INDArray> tensors = policy.parameters().asMap();
      SafeTensorsWriter.write(
          from.resolve(TensorSource.SINGLE_FILE),
          tensors,
          types(tensors, type),
          ImmutableMap.of("format", "pt", "origin", "elsewhere"));
    }
  }

  /** Writes a model in two files and an index that is laid out as Hugging Face does it. */
  private void writeSharded(DecoderConfig config, TensorType type) throws IOException {
    DecoderConfigJson.write(config, type, from);
    try (TransformerPolicy policy = TinyModels.policy(config, DataType.FLOAT)) {
      Map<String, INDArray> tensors = new TreeMap<>(policy.parameters().asMap());
      ImmutableMap<String, TensorType> types = types(tensors, type);
      StringBuilder map = new StringBuilder();
      long bytes = 0;
      for (Map.Entry<String, INDArray> tensor : tensors.entrySet()) {
        map.append(map.isEmpty() ? "" : ",\n")
            .append("    \"%s\": \"%s\"".formatted(tensor.getKey(), shard(tensor.getKey())));
        bytes += tensor.getValue().length() * (tensor.getValue().rank() == 1 ? 4 : type.bytes());
      }
      for (String file : new String[] {FIRST, SECOND}) {
        SafeTensorsWriter.write(
            from.resolve(file),
            Maps.filterKeys(tensors, name -> shard(name).equals(file)),
            types,
            StoredForm.NOTES);
      }
      Files.writeString(
          from.resolve(TensorSource.INDEX_FILE),
          "{\n  \"metadata\": {\n    \"total_size\": %s\n  },\n  \"weight_map\": {\n%s\n  }\n}\n"
              .formatted(bytes, map));
    }
  }

  private static String shard(String tensor) {
    return tensor.contains(".1.") ? SECOND : FIRST;
  }

  private void assertSame(String... files) throws IOException {
    try (var all = Files.list(to)) {
      assertThat(all.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder(files);
    }
    for (String file : files) {
      assertThat(to.resolve(file)).hasSameBinaryContentAs(from.resolve(file));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F16", "BF16", "F32"})
  void save_ofWhatWasRead_isTheSameToTheByte(TensorType type) throws IOException {
    for (DecoderConfig config : TinyModels.architectures()) {
      writeSingle(config, type);
      try (TransformerPolicy policy = TransformerPolicy.load(from)) {
        policy.save(to);
      }
      assertSame(DecoderConfigJson.FILE, TensorSource.SINGLE_FILE);
      assertThat(new ObjectMapper().readTree(to.resolve("config.json").toFile()).get("torch_dtype"))
          .hasToString("\"" + type.torchName() + "\"");
      try (TransformerPolicy policy = TransformerPolicy.load(from, DataType.DOUBLE)) {
        policy.save(to); // of type DOUBLE, written as it was read
      }
      assertSame(DecoderConfigJson.FILE, TensorSource.SINGLE_FILE);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void save_ofWhatWasReadFromSeveralFiles_writesTheSameFilesAndIndex(DecoderConfig config)
      throws IOException {
    writeSharded(config, TensorType.BF16);
    Files.createDirectories(to);
    Files.writeString(to.resolve(TensorSource.SINGLE_FILE), "of another model");
    try (TransformerPolicy policy = TransformerPolicy.load(from)) {
      policy.save(to);
    }
    assertSame(DecoderConfigJson.FILE, FIRST, SECOND, TensorSource.INDEX_FILE);
  }

  /** An adapter that does nothing, a copy and a value head change no bit of what is written. */
  @Test
  void save_ofModelsMadeFromOneThatWasRead_keepsItsTypesAndFiles() throws IOException {
    writeSharded(TinyModels.config(), TensorType.F16);
    try (TransformerPolicy policy = TransformerPolicy.load(from);
        TransformerPolicy adapted = policy.withAdapter(LoraConfig.of(Architecture.LLAMA, 2), 1);
        TransformerPolicy merged = adapted.merged();
        TransformerPolicy copy = policy.frozenCopy();
        TransformerActorCritic critic = TransformerActorCritic.fromPolicy(policy)) {
      for (TransformerPolicy each :
          new TransformerPolicy[] {adapted, merged, copy, critic.policy()}) {
        each.save(to);
        assertSame(DecoderConfigJson.FILE, FIRST, SECOND, TensorSource.INDEX_FILE);
      }
    }
  }

  @Test
  void save_asFloat32_keepsEveryBitOfWhatWasTrained() {
    writeSingle(TinyModels.config(), TensorType.BF16);
    try (TransformerPolicy policy = TransformerPolicy.load(from)) {
      policy.parameters().update(vector -> vector.addi(1e-5)); // less than half a step of BF16
      policy.save(to);
      try (TransformerPolicy rounded = TransformerPolicy.load(to)) {
        assertThat(rounded.parameters().vector()).isNotEqualTo(policy.parameters().vector());
        assertThat(rounded.parameters().vector().distance2(policy.parameters().vector()))
            .isLessThan(0.1);
      }
      policy.save(to, Precision.FLOAT32);
      try (TransformerPolicy exact = TransformerPolicy.load(to)) {
        assertThat(exact.parameters().vector().toFloatVector())
            .isEqualTo(policy.parameters().vector().toFloatVector());
      }
    }
  }

  @Test
  void save_ofAWeightThatItsTypeCannotHold_isRefusedByName() {
    writeSingle(TinyModels.config(), TensorType.F16);
    try (TransformerPolicy policy = TransformerPolicy.load(from)) {
      policy.save(to);
      policy.parameters().update(vector -> vector.putScalar(0, 65_519));
      policy.save(to);
      policy.parameters().update(vector -> vector.putScalar(0, 65_520));
      assertThatThrownBy(() -> policy.save(to))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              to.resolve(TensorSource.SINGLE_FILE)
                  + ": model.embed_tokens.weight: expected values that F16 holds, got greater ones;"
                  + " save as FLOAT32");
      policy.save(to, Precision.FLOAT32);
    }
  }

  @Test
  void save_ofAFloat64CheckpointReadAsFloat32_isFloat32() {
    try (TransformerPolicy policy = TinyModels.policy(TinyModels.config(), DataType.DOUBLE)) {
      policy.save(from);
    }
    try (TransformerPolicy policy = TransformerPolicy.load(from)) {
      policy.save(to);
    }
    try (SafeTensors tensors = SafeTensors.open(to.resolve(TensorSource.SINGLE_FILE))) {
      assertThat(tensors.type("lm_head.weight")).isEqualTo(TensorType.F32);
    }
  }

  @Test
  void save_ofARewardModelThatWasRead_isTheSameToTheByte() {
    writeSingle(TinyModels.config(), TensorType.BF16);
    try (TransformerPolicy policy = TransformerPolicy.load(from);
        TransformerRewardModel fresh = TransformerRewardModel.fromPolicy(policy)) {
      fresh.save(to, Precision.AS_READ); // nothing of it was read: float32
      try (SafeTensors tensors = SafeTensors.open(to.resolve(TensorSource.SINGLE_FILE))) {
        assertThat(tensors.type("score.weight")).isEqualTo(TensorType.F32);
        assertThat(tensors.type("model.embed_tokens.weight")).isEqualTo(TensorType.F32);
      }
    }
  }

  /** Gives tensors to their place alone, and counts. */
  private static final class CountingSource implements TensorSource {

    private final TensorSource source;
    private long elements;
    private long copies;

    CountingSource(TensorSource source) {
      this.source = source;
    }

    @Override
    public ImmutableSet<String> names() {
      return source.names();
    }

    @Override
    public ImmutableLongArray shape(String name) {
      return source.shape(name);
    }

    @Override
    public INDArray read(String name, DataType type) {
      copies++;
      return source.read(name, type);
    }

    @Override
    public void readInto(String name, INDArray target) {
      elements += target.length();
      copies += target.isView() ? 0 : 1; // an array of its own would be a second model
      source.readInto(name, target);
    }

    @Override
    public void checkMappable(String name) {
      source.checkMappable(name);
    }

    @Override
    public INDArray map(String name) {
      return source.map(name);
    }

    @Override
    public StoredForm form() {
      return source.form();
    }

    @Override
    public void close() {
      source.close();
    }
  }

  /** No array but the model's own vector, and parts of 256 KiB, exist while a model is read. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void read_ofAModel_takesItsMemoryOnce(DecoderConfig config) throws IOException {
    writeSharded(config, TensorType.BF16);
    try (CountingSource source = new CountingSource(TensorSource.open(from));
        DecoderModel model =
            DecoderParameters.read(
                from, config, source, DecoderTensors::languageModel, DataType.FLOAT)) {
      assertThat(source.copies).isZero();
      assertThat(source.elements).isEqualTo(model.trained().count());
    }
  }

  /** Tensors of several parts. */
  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F16", "BF16", "F32", "F64"})
  void readInto_ofALargeTensor_givesWhatReadGives(TensorType type) {
    DataType own = type == TensorType.F64 ? DataType.DOUBLE : DataType.FLOAT;
    Path file = directory.resolve("large");
    try (INDArray large = Nd4j.rand(own, 700, 501).subi(0.5)) {
      ImmutableMap<String, INDArray> tensors = ImmutableMap.of("large", large);
      SafeTensorsWriter.write(file, tensors, ImmutableMap.of("large", type), StoredForm.NOTES);
    }
    try (SafeTensors source = SafeTensors.open(file);
        INDArray whole = source.read("large", DataType.DOUBLE);
        INDArray target = Nd4j.create(DataType.DOUBLE, 700, 501)) {
      source.readInto("large", target);
      assertThat(target).isEqualTo(whole);
      assertThat(target.data().asDouble()).isEqualTo(whole.data().asDouble());
    }
  }
}
