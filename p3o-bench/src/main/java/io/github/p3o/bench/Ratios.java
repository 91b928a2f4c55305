package io.github.p3o.bench;

import com.google.common.base.CaseFormat;
import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.util.Statistics;

/**
 * Runs benchmarks, the library and what it is compared with in turn, and compares their ratios with
 * a table: {@code Ratios TABLE check|update [JMH option...]}, the options {@code -p} of parameters
 * and patterns of benchmarks. {@code check} prints what moved and exits with 1 if a ratio grew by
 * more than the tolerance; {@code update} writes what was measured into the table.
 */
public final class Ratios {

  /** Ratios of two runs on a shared machine differ by less than this factor, mostly. */
  private static final double TOLERANCE = 1.25;

  /** Each benchmark is measured so often, in turn with the others. */
  private static final int ROUNDS = 2;

  /** What its benchmarks' names begin with. */
  private static final String MACHINE = "Machine";

  private final Map<String, List<Double>> milliseconds = new TreeMap<>();

  private Ratios() {}

  /** Measures, then checks or updates. */
  public static void main(String[] args) throws IOException, RunnerException {
    if (args.length < 3 || !List.of("check", "update").contains(args[1])) {
      throw new IllegalArgumentException(
          "expected TABLE check|update PATTERN... [name=value,...], got " + String.join(" ", args));
    }
    Path table = Path.of(args[0]);
    Map<String, Row> before = read(table);
    Ratios ratios = new Ratios();
    for (int round = 0; round < ROUNDS; round++) {
      ratios.run(List.of(args).subList(2, args.length));
    }
    List<Row> rows = ratios.rows();
    print(rows, before);
    if (args[1].equals("update")) {
      rows.forEach(row -> before.put(row.name(), row));
      List<String> lines = new ArrayList<>(List.of(Row.HEADER));
      before.values().forEach(row -> lines.add(row.line()));
      Files.write(table, lines);
    } else if (rows.stream().anyMatch(row -> grew(row, before.get(row.name())))) {
      System.exit(1);
    }
  }

  private static Map<String, Row> read(Path table) throws IOException {
    Map<String, Row> rows = new LinkedHashMap<>();
    if (Files.exists(table)) {
      Files.readAllLines(table).stream()
          .skip(1)
          .map(Row::parse)
          .forEach(row -> rows.put(row.name(), row));
    }
    return rows;
  }

  private void run(List<String> arguments) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("MachineBenchmark")
            .forks(1)
            .warmupIterations(2)
            .warmupTime(TimeValue.seconds(1))
            .measurementIterations(3)
            .measurementTime(TimeValue.seconds(1))
            .shouldFailOnError(true)
            .jvmArgsAppend("-Dorg.bytedeco.javacpp.maxphysicalbytes=0");
    for (String argument : arguments) {
      int equals = argument.indexOf('=');
      if (equals < 0) {
        options.include(argument);
      } else {
        options.param(argument.substring(0, equals), argument.substring(equals + 1).split(","));
      }
    }
    for (RunResult result : new Runner(options.build()).run()) {
      BenchmarkParams params = result.getParams();
      double unit = params.getTimeUnit().toNanos(1) / 1e6;
      Statistics times = result.getPrimaryResult().getStatistics();
      double time = name(params).startsWith(MACHINE) ? times.getMin() : times.getMean();
      milliseconds.computeIfAbsent(name(params), name -> new ArrayList<>()).add(time * unit);
    }
  }

  /** Such as "TrainingStep M1 libraryStep". */
  private static String name(BenchmarkParams params) {
    List<String> parts = Splitter.on('.').splitToList(params.getBenchmark());
    String parameters =
        params.getParamsKeys().stream()
            .map(key -> params.getParam(key) + " ")
            .collect(Collectors.joining());
    String type = parts.get(parts.size() - 2).replace("Benchmark", "");
    return type + " " + parameters + parts.get(parts.size() - 1);
  }

  private double mean(String name) {
    return milliseconds.getOrDefault(name, List.of()).stream()
        .mapToDouble(each -> each)
        .average()
        .orElse(Double.NaN);
  }

  /** What the machine can do at most: the least that was met. */
  private double least(String name) {
    return Collections.min(milliseconds.getOrDefault(name, List.of(Double.NaN)));
  }

  private List<Row> rows() {
    double flops = MachineBenchmark.flops() / least(MACHINE + " products"); // per millisecond
    double bytes = MachineBenchmark.bytes() / least(MACHINE + " copy");
    System.out.printf(
        Locale.ROOT, "%nmachine: %.0f GFLOP/s, %.1f GB/s%n%n", flops / 1e6, bytes / 1e6);
    List<Row> rows = new ArrayList<>();
    for (String library : milliseconds.keySet()) {
      int method = library.lastIndexOf(' ') + 1;
      if (library.startsWith("library", method)) {
        String what = library.substring(method + "library".length());
        String peer = library.substring(0, method) + "pytorch" + what;
        if (!milliseconds.containsKey(peer)) {
          peer = library.substring(0, method) + "read" + what;
        }
        String name =
            library.substring(0, method) + CaseFormat.UPPER_CAMEL.to(CaseFormat.LOWER_CAMEL, what);
        rows.add(new Row(name.strip(), mean(library), mean(peer), limit(name, flops, bytes)));
      }
    }
    return rows;
  }

  /** What the machine needs for a row's products, or for its bytes, alone. */
  private static double limit(String name, double flops, double bytes) {
    List<String> words = Splitter.on(' ').splitToList(name);
    switch (words.get(0)) {
      case "TrainingStep" -> {
        ModelSize size = ModelSize.valueOf(words.get(1));
        int texts = 2 * ModelWork.PAIRS;
        long tokens = (long) texts * size.tokens();
        long outputs = (long) texts * (size.tokens() - ModelWork.PROMPT);
        double forward = size.flops(tokens, outputs, size.tokens() / 2.0);
        return (words.get(2).equals("step") ? 3 : 1) * forward / flops;
      }
      case "Sampling" -> {
        long sequences =
            Long.parseLong(words.get(1)); // parameters come in the order of their names
        ModelSize size = ModelSize.valueOf(words.get(2));
        long drawn = sequences * SamplingWork.NEW_TOKENS;
        double seen = SamplingWork.PROMPT + SamplingWork.NEW_TOKENS / 2.0;
        double products = size.flops(drawn + sequences * SamplingWork.PROMPT, drawn, seen);
        double read = (double) SamplingWork.NEW_TOKENS * size.bytesOfToken();
        return Math.max(products / flops, read / bytes);
      }
      case "PairwiseGradient" -> {
        return Long.parseLong(words.get(2)) * PairTask.BYTES_OF_PAIR / bytes;
      }
      default -> {
        return Double.NaN;
      }
    }
  }

  private static boolean grew(Row row, @Nullable Row before) {
    return before != null && row.ratio() > TOLERANCE * before.ratio();
  }

  private static void print(List<Row> rows, Map<String, Row> before) {
    System.out.printf(
        "%-28s %11s %11s %7s %7s %9s%n", "", "library", "peer", "ratio", "before", "limit x");
    for (Row row : rows) {
      Row then = before.get(row.name());
      System.out.printf(
          Locale.ROOT,
          "%-28s %8.2f ms %8.2f ms %7.2f %7s %9.1f%s%n",
          row.name(),
          row.library(),
          row.peer(),
          row.ratio(),
          then == null ? "new" : String.format(Locale.ROOT, "%.2f", then.ratio()),
          row.library() / row.limit(),
          grew(row, then) ? "  slower" : then != null && grew(then, row) ? "  faster" : "");
    }
  }
}
