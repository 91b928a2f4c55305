package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.SharedData;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SafeTensorsTest {

  private static final ImmutableMap<String, String> FORMAT = ImmutableMap.of("format", "pt");

  @TempDir Path directory;

  @Test
  void read_ofWhatWasWritten_givesItBackToTheBit() {
    Path file = directory.resolve("model.safetensors");
    INDArray matrix = Nd4j.rand(DataType.FLOAT, 3, 5);
    INDArray large = Nd4j.rand(DataType.DOUBLE, 7, 11, 1000);
    SafeTensorsWriter.write(
        file,
        ImmutableMap.of(
            "matrix", matrix,
            "transposed", matrix.transpose(),
            "row", matrix.getRow(1),
            "large \"ü\" 😀", large,
            "scalar", Nd4j.scalar(2.5f)),
        FORMAT);

    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.metadata()).isEqualTo(FORMAT);
      assertThat(tensors.shape("scalar")).isEqualTo(ImmutableLongArray.of());
      assertThat(tensors.read("matrix", DataType.FLOAT)).isEqualTo(matrix);
      assertThat(tensors.read("transposed", DataType.FLOAT)).isEqualTo(matrix.transpose());
      assertThat(tensors.read("row", DataType.FLOAT).toFloatVector())
          .isEqualTo(matrix.getRow(1).toFloatVector());
      assertThat(tensors.read("large \"ü\" 😀", DataType.DOUBLE).data().asDouble())
          .isEqualTo(large.data().asDouble());
      INDArray scalar = tensors.read("scalar", DataType.FLOAT);
      assertThat(scalar.isScalar()).isTrue();
      assertThat(scalar.rank()).isZero();
      assertThat(scalar.getFloat(0)).isEqualTo(2.5f);
    }
  }

  @Test
  void read_ofATensorWithoutElements_keepsItsShape() {
    Path file = directory.resolve("model.safetensors");
    SafeTensorsWriter.write(
        file, ImmutableMap.of("none", Nd4j.create(DataType.FLOAT, 0, 4)), ImmutableMap.of());

    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.read("none", DataType.DOUBLE).shape()).containsExactly(0, 4);
    }
  }

  @Test
  void read_asTheOtherType_widensExactlyAndRounds() {
    Path file = directory.resolve("model.safetensors");
    SafeTensorsWriter.write(
        file,
        ImmutableMap.of("f", Nd4j.createFromArray(0.1f), "d", Nd4j.createFromArray(0.1)),
        FORMAT);

    try (SafeTensors tensors = SafeTensors.open(file)) {
      INDArray widened = tensors.read("f", DataType.DOUBLE);
      INDArray rounded = tensors.read("d", DataType.FLOAT);
      assertThat(widened.dataType()).isEqualTo(DataType.DOUBLE);
      assertThat(widened.getDouble(0)).isEqualTo((double) 0.1f);
      assertThat(rounded.dataType()).isEqualTo(DataType.FLOAT);
      assertThat(rounded.data().asFloat()).containsExactly(0.1f);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> tensors.read("f", DataType.FLOAT16))
          .withMessage("type: expected FLOAT or DOUBLE, got HALF");
    }
  }

  @Test
  void read_whateverNd4jsDefaultType_givesTheTypeAskedFor() {
    Path file = directory.resolve("model.safetensors");
    SafeTensorsWriter.write(file, ImmutableMap.of("f", Nd4j.createFromArray(0.1f)), FORMAT);
    DataType before = Nd4j.defaultFloatingPointType();
    Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.read("f", DataType.FLOAT).dataType()).isEqualTo(DataType.FLOAT);
    } finally {
      Nd4j.setDefaultDataTypes(before, before);
    }
  }

  @Test
  void read_ofHalfPrecision_isExact() throws IOException {
    Path file =
        SafeTensorsFiles.write(
            directory.resolve("half.safetensors"),
            "{"
                + SafeTensorsFiles.entry("f16", "F16", "[2]", 0, 4)
                + ","
                + SafeTensorsFiles.entry("bf16", "BF16", "[1,2]", 4, 8)
                + "}",
            // 1.5 and −2⁻²⁴ in float16; 1.5 and −2 in bfloat16
            new byte[] {0x00, 0x3e, 0x01, (byte) 0x80, (byte) 0xc0, 0x3f, 0x00, (byte) 0xc0});

    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.read("f16", DataType.FLOAT).toFloatVector())
          .containsExactly(1.5f, -0x1p-24f);
      assertThat(tensors.read("bf16", DataType.DOUBLE).toDoubleMatrix()[0])
          .containsExactly(1.5, -2);
    }
  }

  @Test
  void read_ofWholeNumbers_throwsWhereTheyAreNeeded() throws IOException {
    String entry = SafeTensorsFiles.entry("ids", "I64", "[1]", 0, 8);
    Path file =
        SafeTensorsFiles.write(directory.resolve("i.safetensors"), "{" + entry + "}", new byte[8]);

    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.names()).containsExactly("ids");
      assertThatThrownBy(() -> tensors.read("ids", DataType.FLOAT))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": ids.dtype: expected one of [F16, BF16, F32, F64], got I64");
      assertThatThrownBy(() -> tensors.read("weight", DataType.FLOAT))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": tensors: expected weight, got none of that name");
    }
  }

  @Test
  void read_afterClose_throws() {
    Path file = directory.resolve("model.safetensors");
    SafeTensorsWriter.write(file, ImmutableMap.of("a", Nd4j.ones(DataType.FLOAT, 2)), FORMAT);
    SafeTensors tensors = SafeTensors.open(file);
    tensors.close();
    tensors.close();

    assertThatThrownBy(() -> tensors.read("a", DataType.FLOAT))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("ClosedChannelException");
  }

  @Test
  void read_ofAFileCutShortMeanwhile_throws() throws IOException {
    Path file = directory.resolve("model.safetensors");
    SafeTensorsWriter.write(file, ImmutableMap.of("a", Nd4j.ones(DataType.FLOAT, 9)), FORMAT);
    byte[] bytes = Files.readAllBytes(file);
    try (SafeTensors tensors = SafeTensors.open(file)) {
      Files.write(file, Arrays.copyOf(bytes, bytes.length - 4));

      assertThatThrownBy(() -> tensors.read("a", DataType.FLOAT))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("as when it was opened");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"stories260k", "tiny/tiny-llama", "tiny/tiny-gpt2", "tiny/tiny-gpt-neox"})
  void write_ofWhatWasRead_givesTheSameBytesButForSpaces(String checkpoint) throws IOException {
    Path original = SharedData.require(checkpoint).resolve("model.safetensors");
    Path copy = directory.resolve("copy.safetensors");
    Map<String, INDArray> tensors = new LinkedHashMap<>();
    ImmutableMap<String, String> metadata;
    try (SafeTensors source = SafeTensors.open(original)) {
      // the other way round: the order is the writer's
      source
          .names()
          .asList()
          .reverse()
          .forEach(name -> tensors.put(name, source.read(name, DataType.FLOAT)));
      metadata = source.metadata();
    }

    SafeTensorsWriter.write(copy, tensors, metadata);

    SafeTensorsFiles.assertSameButForSpaces(copy, original);
  }

  @Test
  void write_ofEveryKind_givesTheHeaderOfHuggingFacesWriter() throws IOException {
    Path file = directory.resolve("model.safetensors");

    SafeTensorsWriter.write(
        file,
        ImmutableMap.of(
            "😀", Nd4j.ones(DataType.FLOAT, 1),
            "ü\"q\\\n", Nd4j.ones(DataType.FLOAT, 3),
            "a.2", Nd4j.ones(DataType.FLOAT, 1, 2),
            "a.10", Nd4j.scalar(1f),
            "none", Nd4j.create(DataType.FLOAT, 0, 4),
            "z", Nd4j.ones(DataType.DOUBLE, 2, 1, 2)),
        FORMAT);

    // written by the Python package safetensors 0.8.0
    String expected =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"z\":{\"dtype\":\"F64\",\"shape\":[2,1,2],\"data_offsets\":[0,32]},"
            + "\"a.10\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[32,36]},"
            + "\"a.2\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[36,44]},"
            + "\"none\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[44,44]},"
            + "\"ü\\\"q\\\\\\n\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[44,56]},"
            + "\"😀\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[56,60]}}";
    assertThat(SafeTensorsFiles.header(file)).isEqualTo(expected);
    assertThat(SafeTensorsFiles.data(file)).hasSize(60);
  }

  /** Whatever is written; and the format's own writer's files, padded to 8, are read as well. */
  @Property(tries = 200)
  void write_ofAnyTensors_beginsTheDataAtAMultipleOf64Bytes(
      @ForAll @Size(max = 5)
          Map<
                  @AlphaChars @Chars({'ü', '"'}) @StringLength(max = 70) String,
                  @IntRange(min = 1, max = 40) Integer>
              sizes,
      @ForAll @AlphaChars @StringLength(max = 70) String note)
      throws IOException {
    Map<String, INDArray> tensors = new LinkedHashMap<>();
    sizes.forEach(
        (name, size) ->
            tensors.put(
                name, Nd4j.rand(size % 2 == 0 ? DataType.FLOAT : DataType.DOUBLE, 1, size)));
    Path folder = Files.createTempDirectory("p3o-aligned");
    Path file = folder.resolve("model.safetensors");
    Path before = folder.resolve("before.safetensors");

    SafeTensorsWriter.write(file, tensors, ImmutableMap.of("note", note));

    String header = SafeTensorsFiles.header(file);
    int end = 8 + header.getBytes(StandardCharsets.UTF_8).length;
    long begin = Files.size(file) - SafeTensorsFiles.data(file).length;
    SafeTensorsFiles.write(
        before, header + " ".repeat((64 - end) & 7), SafeTensorsFiles.data(file));
    assertThat(begin % 64).isZero();
    assertThat(begin).isBetween((long) end, end + 63L);
    assertThat(TensorFiles.read(file)).isEqualTo(tensors);
    assertThat(TensorFiles.read(before)).isEqualTo(tensors);
    MoreFiles.deleteRecursively(folder, RecursiveDeleteOption.ALLOW_INSECURE);
  }

  /** A model whose widths are multiples of 16, as those of real ones are. */
  @Test
  void save_ofAModel_putsEveryTensorAtAMultipleOf64Bytes() throws IOException {
    try (TransformerPolicy policy = TransformerPolicy.load(SharedData.require("stories260k"))) {
      policy.save(directory);
    }
    Path file = directory.resolve(TensorSource.SINGLE_FILE);
    try (FileChannel channel = FileChannel.open(file)) {
      SafeTensorsHeader header = SafeTensorsHeader.read(file, channel);
      assertThat(header.tensors().values())
          .isNotEmpty()
          .allSatisfy(tensor -> assertThat((header.dataStart() + tensor.begin()) % 64).isZero());
    }
  }

  @Test
  void write_ofBothTypes_putsFloat64First() throws IOException {
    Path file = directory.resolve("model.safetensors");

    SafeTensorsWriter.write(
        file,
        ImmutableMap.of(
            "a", Nd4j.ones(DataType.FLOAT, 1),
            "c", Nd4j.ones(DataType.DOUBLE, 1),
            "b", Nd4j.ones(DataType.DOUBLE, 1)),
        FORMAT);

    try (SafeTensors tensors = SafeTensors.open(file)) {
      assertThat(tensors.names()).containsExactly("b", "c", "a");
    }
    assertThat(Files.size(file) % 4).isZero();
  }

  @Test
  void write_ofAnotherTypeOrAReservedName_throwsAndWritesNothing() {
    Path file = directory.resolve("model.safetensors");

    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                SafeTensorsWriter.write(
                    file, ImmutableMap.of("ids", Nd4j.ones(DataType.INT64, 1)), FORMAT))
        .withMessage("tensors[ids]: expected type FLOAT or DOUBLE, got LONG");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                SafeTensorsWriter.write(
                    file, ImmutableMap.of("__metadata__", Nd4j.ones(DataType.FLOAT, 1)), FORMAT));
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void write_intoAMissingDirectory_throws() {
    Path file = directory.resolve("missing").resolve("model.safetensors");

    assertThatThrownBy(() -> SafeTensorsWriter.write(file, ImmutableMap.of(), FORMAT))
        .isInstanceOfSatisfying(
            CheckpointException.class, e -> assertThat(e.file()).isEqualTo(file))
        .hasMessageStartingWith(file + ": file: expected to be writable, got ");
  }

  @Test
  void open_ofAMissingFile_throws() {
    Path file = directory.resolve("model.safetensors");

    assertThatThrownBy(() -> SafeTensors.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": file: expected a readable one, got ");
    assertThatThrownBy(() -> SafeTensors.open(directory)).isInstanceOf(CheckpointException.class);
  }
}
