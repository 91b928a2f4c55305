package io.github.p3o.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.train.SmallTraining.Kind;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training survives the death of its process at any moment. */
class KilledProcessTest {

  private static final int KILLS = 20;

  @TempDir private Path run = Path.of("");

  private Process start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"));
    // what newer JDKs warn of without: access to native memory; where natives are found
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            argument ->
                argument.matches("(--enable-native-access|--sun-misc-unsafe|-Dorg.bytedeco).*"))
        .forEach(command::add);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(KillableTraining.class.getName(), run.toString()));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /** How many steps the process begins with. */
  private static String begun(BufferedReader output) throws IOException {
    String line = output.readLine();
    boolean ofCuda = String.valueOf(line).startsWith("Warning: Versions of org.bytedeco");
    return String.valueOf(ofCuda ? output.readLine() : line);
  }

  /**
   * Lets the process take some steps and kills it at some moment: before the first is done, as it
   * builds its graphs, or soon after another, which is when most of the time goes into writing.
   */
  private void startAndKill(SplittableRandom random) throws Exception {
    Process process = start();
    BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
    assertThat(begun(output)).containsOnlyDigits();
    process.getOutputStream().write(new byte[KillableTraining.STEPS / KILLS]);
    process.getOutputStream().flush();
    int steps = random.nextInt(KillableTraining.STEPS / KILLS - 2);
    for (int i = 0; i < steps; i++) {
      assertThat(output.readLine()).isEqualTo("step"); // it never warns of a torn checkpoint
    }
    TimeUnit.MICROSECONDS.sleep(random.nextLong(20_000));
    process.toHandle().destroyForcibly(); // SIGKILL
    assertThat(process.waitFor()).isNotZero();
    assertThat(output.lines()).allMatch("step"::equals);
  }

  @Test
  void train_killedTwentyTimesAtRandomMoments_endsWithTheSameBits() throws Exception {
    long seed = System.nanoTime();
    System.out.println("KilledProcessTest: seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < KILLS; i++) {
      startAndKill(random);
    }
    Process last = start();
    last.getOutputStream().write(new byte[KillableTraining.STEPS]);
    last.getOutputStream().flush();
    BufferedReader output = last.inputReader(StandardCharsets.UTF_8);
    assertThat(Long.parseLong(begun(output))).isGreaterThan(KILLS); // all went on from the last
    assertThat(output.lines()).allMatch("step"::equals);
    assertThat(last.waitFor()).isZero();
    assertThat(Files.readString(run.resolve("parameters"))).isEqualTo(uninterrupted());
  }

  private static String uninterrupted() throws Exception {
    ImmutableList.Builder<SmallTraining> trainings = ImmutableList.builder();
    for (Kind kind : Kind.values()) {
      trainings.add(SmallTraining.of(kind).until(KillableTraining.STEPS));
    }
    String parameters = KillableTraining.parameters(trainings.build());
    for (SmallTraining training : trainings.build()) {
      training.close();
    }
    return parameters;
  }
}
