package io.github.p3o.bench;

import com.google.common.collect.ImmutableList;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Prints what it costs to open a float32 checkpoint and to score once, in processes that do it one
 * after the other and then all have it open: {@code OpeningCost load|map DIR [processes]}. Where
 * DIR has no config.json, a model of 489 MB is written there. Linux counts the memory.
 */
public final class OpeningCost {

  private static final ImmutableList<Prompt> PROMPTS =
      ImmutableList.of(Prompt.of(1, 2, 3, 4, 5, 6, 7, 8));
  private static final ImmutableList<Response> RESPONSES =
      ImmutableList.of(Response.of(8, 7, 6, 5, 4, 3, 2, 1));

  private OpeningCost() {}

  /** Measures. */
  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length < 2 || !List.of("load", "map").contains(args[0])) {
      throw new IllegalArgumentException(
          "expected load or map, DIR [processes], got " + List.of(args));
    }
    Path directory = Path.of(args[1]);
    if (args.length > 2 && args[2].equals("child")) {
      measure(args[0], directory);
      return;
    }
    if (!Files.exists(directory.resolve("config.json"))) {
      write(directory, LoadingBenchmark.CONFIG);
    }
    write(directory.resolve("small"), ModelSize.M1.config(16));
    List<Process> children = new ArrayList<>();
    List<BufferedReader> outputs = new ArrayList<>();
    for (int i = 0; i < (args.length > 2 ? Integer.parseInt(args[2]) : 1); i++) {
      children.add(start(args[0], args[1]));
      outputs.add(children.get(i).inputReader(StandardCharsets.UTF_8));
      System.out.println(outputs.get(i).readLine());
    }
    for (int i = 0; i < children.size(); i++) {
      children.get(i).outputWriter(StandardCharsets.UTF_8).append('\n').flush();
      System.out.println(outputs.get(i).readLine());
    }
    for (Process child : children) { // each leaves when all have counted
      child.getOutputStream().close();
      child.waitFor();
    }
  }

  private static void write(Path directory, DecoderConfig config) {
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.FLOAT, 1)) {
      policy.save(directory);
    }
  }

  private static Process start(String way, String directory) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            "-cp",
            System.getProperty("java.class.path"),
            OpeningCost.class.getName(),
            way,
            directory,
            "child")
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static TransformerPolicy open(String way, Path directory) {
    return way.equals("map") ? TransformerPolicy.map(directory) : TransformerPolicy.load(directory);
  }

  private static void measure(String way, Path directory) throws IOException {
    for (int i = 0; i < 3; i++) { // classes and native libraries
      try (TransformerPolicy small = open(way, directory.resolve("small"));
          PolicyScorer scorer = new PolicyScorer(small, 1)) {
        scorer.logProbs(PROMPTS, RESPONSES);
      }
    }
    long anonymous = ProcessMemory.bytes("status", "RssAnon");
    long begin = System.nanoTime();
    try (TransformerPolicy policy = open(way, directory);
        PolicyScorer scorer = new PolicyScorer(policy, 1)) {
      long opened = System.nanoTime();
      scorer.logProbs(PROMPTS, RESPONSES);
      long scored = System.nanoTime();
      scorer.logProbs(PROMPTS, RESPONSES);
      long again = System.nanoTime();
      System.out.printf(
          Locale.ROOT,
          "%s %d ms, first score %d ms, second %d ms%n",
          way,
          (opened - begin) / 1_000_000,
          (scored - opened) / 1_000_000,
          (again - scored) / 1_000_000);
      int asked = System.in.read();
      System.out.printf(
          Locale.ROOT,
          "anonymous memory %d MB more; of files %d MB; its share of all (Pss) %d MB%n",
          (ProcessMemory.bytes("status", "RssAnon") - anonymous) / 1_000_000,
          ProcessMemory.bytes("status", "RssFile") / 1_000_000,
          ProcessMemory.bytes("smaps_rollup", "Pss") / 1_000_000);
      while (asked >= 0) { // until all have counted
        asked = System.in.read();
      }
    }
  }
}
