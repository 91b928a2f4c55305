package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterables;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.github.p3o.internal.FloatMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.junit.jupiter.api.condition.OS;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Whatever a checkpoint's directory holds, loading or mapping it gives a model or a {@link
 * CheckpointException} that says what was expected; no memory is taken on its word.
 */
class CheckpointFuzzTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int KINDS = TinyModels.architectures().size();

  private static Path directory = Path.of("");

  @BeforeContainer
  static void makeCheckpoints() throws IOException {
    directory = Files.createTempDirectory("fuzz");
    for (int kind = 0; kind < KINDS; kind++) {
      try (TransformerPolicy policy =
              TransformerPolicy.random(TinyModels.architectures().get(kind), DataType.FLOAT, 1);
          TransformerPolicy adapted = policy.withAdapter(LoraTest.everywhere(policy.config()), 1)) {
        policy.save(valid(kind));
        adapted.saveAdapter(valid(kind));
      }
    }
    Files.createDirectories(hostile());
  }

  @AfterContainer
  static void deleteCheckpoints() throws IOException {
    MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
  }

  private static Path valid(int kind) {
    return directory.resolve("valid" + kind);
  }

  private static Path hostile() {
    return directory.resolve("hostile");
  }

  private static ObjectNode config(int kind) throws IOException {
    return (ObjectNode) JSON.readTree(valid(kind).resolve("config.json").toFile());
  }

  /** Whether the directory could be loaded. */
  private static boolean load(int kind, String configJson) throws IOException {
    Files.writeString(hostile().resolve("config.json"), configJson);
    Files.write(
        hostile().resolve("model.safetensors"),
        Files.readAllBytes(valid(kind).resolve("model.safetensors")));
    return loadHostile();
  }

  private static boolean loadHostile() {
    boolean maps = mapHostile();
    try (TransformerPolicy policy = TransformerPolicy.load(hostile())) {
      assertThat(policy.parameters().count()).isPositive();
      return true;
    } catch (CheckpointException e) {
      assertThat(e).hasMessageContaining("expected");
      assertThat(maps).isFalse();
      return false;
    }
  }

  /** Whether it could be mapped; if so, every weight is there to be read. */
  private static boolean mapHostile() {
    if (!FloatMatrix.reaches(DataType.FLOAT) || OS.WINDOWS.isCurrentOs()) { // or files stay open
      return false;
    }
    try (TransformerPolicy policy = TransformerPolicy.map(hostile())) {
      policy.parameters().asMap().values().forEach(INDArray::sumNumber);
      return true;
    } catch (CheckpointException e) {
      assertThat(e).hasMessageContaining("expected");
      return false;
    }
  }

  @Provide
  Arbitrary<String> values() {
    return Arbitraries.oneOf(
        Arbitraries.integers().map(String::valueOf),
        Arbitraries.integers().between(-3, 70).map(String::valueOf),
        Arbitraries.of(
            "2147483647",
            "2147483648",
            "1073741824",
            "715827883",
            "1e999",
            "-1e999",
            "1e-999",
            "0.5",
            "null",
            "true",
            "\"\"",
            "\"gelu\"",
            "\"relu\"",
            "[]",
            "[1]",
            "{}",
            "9".repeat(90),
            "[".repeat(1000),
            "{\"a\":".repeat(1000)));
  }

  @Property(tries = 500)
  void load_withAnySettingReplaced_namesItOrLoads(
      @ForAll @IntRange(max = 7) int kind,
      @ForAll @IntRange(max = 40) int setting,
      @ForAll("values") String value)
      throws IOException {
    ObjectNode json = config(kind % KINDS);
    String key = Iterables.get(json::fieldNames, setting % json.size());
    json.put(key, "@");
    load(kind % KINDS, json.toString().replace("\"@\"", value));
  }

  @Property(tries = 300)
  void load_withCharactersOfTheConfigChanged_throwsOrLoads(
      @ForAll @IntRange(max = 7) int kind,
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 2000) Integer> places,
      @ForAll @IntRange(max = 22) int character)
      throws IOException {
    StringBuilder json = new StringBuilder(config(kind % KINDS).toString());
    for (int place : places) {
      json.setCharAt(
          place % json.length(), "0123456789-+.eE[]{},:\" ".charAt((character + place) % 23));
    }
    load(kind % KINDS, json.toString());
  }

  @Property(tries = 300)
  void load_withTheHeaderOfTheTensorsChanged_throwsOrLoads(
      @ForAll @IntRange(max = 7) int kind,
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 100_000) Integer> places,
      @ForAll @IntRange(max = 22) int character)
      throws IOException {
    byte[] bytes = Files.readAllBytes(valid(kind % KINDS).resolve("model.safetensors"));
    int header = (bytes[0] & 255) | (bytes[1] & 255) << 8;
    for (int place : places) {
      bytes[8 + place % header] =
          (byte) "0123456789-+.eE[]{},:\" ".charAt((character + place) % 23);
    }
    Files.writeString(hostile().resolve("config.json"), config(kind % KINDS).toString());
    Files.write(hostile().resolve("model.safetensors"), bytes);
    loadHostile();
  }

  @Property(tries = 60)
  void load_withATensorMissingOrMore_namesIt(
      @ForAll @IntRange(max = 7) int kind, @ForAll @IntRange(max = 50) int which)
      throws IOException {
    try (TransformerPolicy policy = TransformerPolicy.load(valid(kind % KINDS));
        INDArray more = Nd4j.create(DataType.FLOAT, 2)) {
      Map<String, INDArray> tensors = new HashMap<>(policy.parameters().asMap());
      String name = Iterables.get(policy.parameters().names(), which % tensors.size());
      tensors.remove(name);
      writeHostile(kind, tensors);
      assertThatThrownBy(() -> TransformerPolicy.load(hostile()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("tensors: expected " + name);
      tensors.putAll(policy.parameters().asMap());
      tensors.put(name + "2", more);
      writeHostile(kind, tensors);
      assertThatThrownBy(() -> TransformerPolicy.load(hostile()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("tensors: expected those of a ")
          .hasMessageEndingWith("got " + name + "2");
      tensors.remove(name + "2");
      tensors.put(name, more);
      writeHostile(kind, tensors);
      assertThatThrownBy(() -> TransformerPolicy.load(hostile()))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(name + ".shape: expected ");
    }
  }

  private static void writeHostile(int kind, Map<String, INDArray> tensors) throws IOException {
    Files.writeString(hostile().resolve("config.json"), config(kind % KINDS).toString());
    SafeTensorsWriter.write(
        hostile().resolve("model.safetensors"), tensors, ImmutableMap.of("format", "pt"));
  }

  /** Bytes that are taken for integers are as many as those of float32. */
  @Property(tries = 40)
  void load_withATensorOfAnotherType_namesIt(
      @ForAll @IntRange(max = 7) int kind, @ForAll @IntRange(max = 50) int which)
      throws IOException {
    byte[] bytes = Files.readAllBytes(valid(kind % KINDS).resolve("model.safetensors"));
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int at = -1;
    for (int i = 0; i <= which; i++) {
      int next = text.indexOf("\"F32\"", at + 1);
      at = next < 0 ? text.indexOf("\"F32\"") : next;
    }
    bytes[at + 1] = 'I';
    Files.writeString(hostile().resolve("config.json"), config(kind % KINDS).toString());
    Files.write(hostile().resolve("model.safetensors"), bytes);
    assertThatThrownBy(() -> TransformerPolicy.load(hostile()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(".dtype: expected one of [F16, BF16, F32, F64], got I32");
  }

  @Property(tries = 300)
  void loadAdapter_withCharactersChanged_throwsOrLoads(
      @ForAll @IntRange(max = 7) int kind,
      @ForAll boolean inConfig,
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 5000) Integer> places,
      @ForAll @IntRange(max = 22) int character)
      throws IOException {
    String damaged = inConfig ? LoraFiles.CONFIG : LoraFiles.TENSORS;
    for (String name : List.of(LoraFiles.CONFIG, LoraFiles.TENSORS)) {
      byte[] bytes = Files.readAllBytes(valid(kind % KINDS).resolve(name));
      if (name.equals(damaged)) {
        int header = inConfig ? bytes.length : (bytes[0] & 255) | (bytes[1] & 255) << 8;
        for (int place : places) {
          bytes[(inConfig ? 0 : 8) + place % header] =
              (byte) "0123456789-+.eE[]{},:\" ".charAt((character + place) % 23);
        }
      }
      Files.write(hostile().resolve(name), bytes);
    }
    try (TransformerPolicy base = TransformerPolicy.load(valid(kind % KINDS));
        TransformerPolicy adapted = base.loadAdapter(hostile())) {
      assertThat(adapted.adapter()).isPresent();
    } catch (CheckpointException e) {
      assertThat(e).hasMessageContaining("expected");
    }
  }

  @Example
  void load_ofTheValidOnes_loads() throws IOException {
    for (int kind = 0; kind < KINDS; kind++) {
      assertThat(load(kind, config(kind).toString())).isTrue();
    }
  }
}
