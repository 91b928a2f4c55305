package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.Iterables;
import com.google.common.collect.Maps;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a model costs, at the peak of a process's memory as Linux counts it: once its weights, and
 * not again for a reference, for an update, or while it is read; and nothing if they are mapped.
 */
@EnabledOnOs(OS.LINUX)
class ModelMemoryTest {

  /** Weights of the model, in bytes. */
  private static final long WEIGHTS = weights(DecoderTensors.of(ModelMemory.large()));

  /** For activations, native code, and what varies: a second copy of the weights is twice it. */
  private static final long SLACK = WEIGHTS / 2;

  @TempDir Path directory;

  private static long weights(DecoderTensors tensors) {
    return Float.BYTES
        * tensors.languageModel().values().stream()
            .mapToLong(shape -> shape.stream().reduce(1, Math::multiplyExact))
            .sum();
  }

  /** By how much the memory of a process grows. */
  private static long growth(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // A heap that is there from the start does not grow.
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(List.of("-Xms160m", "-Xmx160m", "-XX:+AlwaysPreTouch"));
    command.add("-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    // what newer JDKs warn of without: access to native memory
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.matches("--(enable-native-access|sun-misc-unsafe).*"))
        .forEach(command::add);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ModelMemory.class.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    // malloc shall give back what is freed
    builder.environment().keySet().removeIf(name -> name.startsWith("MALLOC_"));
    Process process = builder.start();
    List<String> lines = process.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertThat(process.waitFor()).as("%s", lines).isZero();
    long growth = Long.parseLong(Iterables.getLast(lines));
    System.out.printf(
        "%s: %d MB more, the weights are %d MB%n",
        String.join(" ", arguments), growth / 1_000_000, WEIGHTS / 1_000_000);
    return growth;
  }

  /** Policy, reference and updates by LoRA: what is trained is less than a thousandth. */
  @Test
  void train_ofAnAdapter_takesNoSecondModel() throws Exception {
    assertThat(growth("lora")).isLessThan(SLACK);
  }

  /** The reference's share of what is trained, the gradient and two moments; all else is shared. */
  @Test
  void train_ofTheLastLayer_takesFourTimesThatLayerAndNoSecondModel() throws Exception {
    long layer = WEIGHTS / ModelMemory.large().layers();
    assertThat(growth("frozen")).isLessThan(4 * layer + SLACK);
  }

  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"BF16", "F32"})
  void load_ofACheckpoint_takesItsWeightsOnce(TensorType type) throws Exception {
    save(type);
    assertThat(growth("load", directory.toString())).isBetween(WEIGHTS / 2, WEIGHTS + WEIGHTS / 4);
  }

  /** Beside the pages of the file, which it shares with others and the system may drop. */
  @Test
  @Tag("cpu")
  void map_ofACheckpoint_takesNoMemoryForItsWeights() throws Exception {
    save(TensorType.F32);
    assertThat(growth("score mapped", directory.toString())).isLessThan(WEIGHTS / 8);
    assertThat(growth("score loaded", directory.toString())).isGreaterThan(WEIGHTS * 9 / 10);
  }

  private void save(TensorType type) {
    DecoderConfigJson.write(ModelMemory.large(), type, directory);
    try (TransformerPolicy policy = ModelMemory.policy(ModelMemory.large())) {
      SafeTensorsWriter.write(
          directory.resolve(TensorSource.SINGLE_FILE),
          policy.parameters().asMap(),
          Maps.toMap(policy.parameters().names(), name -> type),
          StoredForm.NOTES);
    }
  }
}
