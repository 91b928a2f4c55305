package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ShardedTensorsTest {

  private static final String FIRST = "model-00001-of-00002.safetensors";
  private static final String SECOND = "model-00002-of-00002.safetensors";

  @TempDir Path directory;

  @BeforeEach
  void writeFiles() {
    write(FIRST, ImmutableMap.of("a", Nd4j.createFromArray(1f), "b", Nd4j.createFromArray(2f)));
    write(SECOND, ImmutableMap.of("c", Nd4j.createFromArray(3f, 4f)));
  }

  @Test
  void open_ofAnIndex_readsFromEveryFile() throws IOException {
    writeIndex(
        """
        {"metadata": {"total_size": 16}, "weight_map": {"a": "%s", "b": "%s", "c": "%s"}}
        """
            .formatted(FIRST, FIRST, SECOND));

    try (TensorSource source = TensorSource.open(directory)) {
      assertThat(source.names()).containsExactly("a", "b", "c");
      assertThat(source.shape("c")).isEqualTo(ImmutableLongArray.of(2));
      assertThat(source.read("b", DataType.FLOAT).toFloatVector()).containsExactly(2f);
      assertThat(source.read("c", DataType.DOUBLE).toDoubleVector()).containsExactly(3, 4);
      assertThatThrownBy(() -> source.read("d", DataType.FLOAT))
          .isInstanceOf(CheckpointException.class)
          .hasMessageEndingWith("tensors: expected d, got none of that name");
    }
  }

  @Test
  void open_ofASingleFileBesideAnIndex_takesTheSingleFile() throws IOException {
    writeIndex("{}");
    write("model.safetensors", ImmutableMap.of("x", Nd4j.createFromArray(5f)));

    try (TensorSource source = TensorSource.open(directory)) {
      assertThat(source.names()).containsExactly("x");
    }
  }

  @Test
  void open_ofNeither_namesBothFiles() {
    assertThatThrownBy(() -> TensorSource.open(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(
            directory
                + ": directory: expected model.safetensors or model.safetensors.index.json in it,"
                + " got one without either");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{}",
        "{\"weight_map\": {}}",
        "{\"weight_map\": []}",
        "{\"weight_map\": {\"a\": 1}}",
        "{\"weight_map\": {\"a\": \"missing.safetensors\"}}",
        "{\"weight_map\": {\"c\": \"" + FIRST + "\"}}",
        "{\"weight_map\": {\"a\": \"" + FIRST + "\", \"a\": \"" + FIRST + "\"}}",
        "{\"weight_map\": {\"a\": \"../" + FIRST + "\"}}",
        "{\"weight_map\": {\"a\": \"/" + FIRST + "\"}}",
        "{\"weight_map\": {\"a\": \"..\"}}",
        "{\"weight_map\": {\"a\": \"\"}}"
      })
  void open_ofABrokenIndex_throws(String index) throws IOException {
    writeIndex(index);

    assertThatThrownBy(() -> TensorSource.open(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("expected ");
  }

  private void write(String name, ImmutableMap<String, INDArray> tensors) {
    SafeTensorsWriter.write(directory.resolve(name), tensors, ImmutableMap.of("format", "pt"));
  }

  private void writeIndex(String json) throws IOException {
    Files.writeString(directory.resolve(TensorSource.INDEX_FILE), json);
  }
}
