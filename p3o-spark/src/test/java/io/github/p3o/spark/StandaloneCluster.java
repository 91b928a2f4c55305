package io.github.p3o.spark;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.common.collect.ImmutableList;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;

/**
 * A master and two workers of one core each, as processes on this machine, from Spark's jars on the
 * class path. Every port is a free one.
 */
final class StandaloneCluster implements AutoCloseable {

  private static final Pattern MASTER =
      Pattern.compile("Starting Spark master at (spark://127\\.0\\.0\\.1:[0-9]+)");
  private static final Pattern REGISTERED = Pattern.compile("Successfully registered with master");

  /** For a machine that has much else to do. */
  private static final int PATIENCE_SECONDS = 120;

  private static final String LOG_TO_CONSOLE =
      "-Dlog4j2.configurationFile=org/apache/spark/log4j2-defaults.properties";

  private final Path home;
  private final List<Process> processes = new CopyOnWriteArrayList<>();

  /** All that master and workers wrote. */
  private final List<String> said = Collections.synchronizedList(new ArrayList<>());

  private final String master;

  StandaloneCluster(Path home) throws Exception {
    this.home = home;
    Runtime.getRuntime().addShutdownHook(new Thread(this::destroy)); // also if nobody closes it
    Files.createDirectories(home.resolve("jars")); // the class path has them
    Files.writeString(home.resolve("RELEASE"), "as a distribution has it");
    try {
      master = started("127.0.0.1", MASTER, "org.apache.spark.deploy.master.Master").group(1);
      for (int i = 0; i < 2; i++) {
        started(
            address(i),
            REGISTERED,
            "org.apache.spark.deploy.worker.Worker",
            "--cores",
            "1",
            "--memory",
            "2g",
            "--work-dir",
            home.resolve("work" + i).toString(),
            master);
      }
    } catch (Exception e) {
      close();
      throw e;
    }
  }

  /** Skips the tests on a machine that has but one address of its own: only Linux has them all. */
  static void assumeTwoAddresses() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(address(1)))) {
      assumeThat(socket.isBound()).isTrue();
    } catch (IOException e) {
      assumeThat(e)
          .as("the cluster needs %s as a second address of this machine, got %s", address(1), e)
          .isNull();
    }
  }

  /** Of a worker: Spark makes no second attempt of a task on the same host. */
  private static String address(int worker) {
    return "127.0.0." + (worker + 1);
  }

  /** Starts a process and waits until it says that it is ready. */
  private Matcher started(String host, Pattern ready, String main, String... arguments)
      throws Exception {
    List<String> command = java("-Xmx256m", LOG_TO_CONSOLE, main);
    command.addAll(List.of("--host", host, "--port", "0", "--webui-port", "0"));
    command.addAll(List.of(arguments));
    Process process = start(command, host);
    processes.add(process);
    CompletableFuture<Matcher> found = new CompletableFuture<>();
    Thread reader =
        new Thread(
            () -> {
              try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                  Matcher matcher = ready.matcher(line);
                  said.add(line);
                  if (!found.isDone() && matcher.find()) {
                    found.complete(matcher);
                  }
                }
              } catch (IOException e) {
                said.add(e.toString());
              }
              found.completeExceptionally(new IOException(main + " ended: " + said));
            });
    reader.setDaemon(true);
    reader.start();
    return found.get(PATIENCE_SECONDS, SECONDS);
  }

  private Process start(List<String> command, String host) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Map<String, String> environment = builder.environment();
    environment.put("SPARK_HOME", home.toString());
    environment.put("SPARK_LOCAL_DIRS", home.resolve("local").toString());
    environment.put("SPARK_SCALA_VERSION", "2.13"); // which it else looks for among its sources
    environment.put("SPARK_LOCAL_IP", host);
    environment.put("SPARK_LOCAL_HOSTNAME", host);
    return builder.start();
  }

  /** A Java process with the options of this one. */
  private static List<String> java(String heap, String log, String main) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of(log, "-Dspark.master.rest.enabled=false")); // whose port is fixed
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.matches("(--|-XX:\\+Ignore|-Dorg\\.bytedeco).*"))
        .forEach(command::add);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    return command;
  }

  /** An application of this process on both workers; stop it before the next. */
  SparkSession application(Map<String, String> settings) {
    SparkSession.Builder builder = configured(master);
    settings.forEach(builder::config);
    try {
      return builder.getOrCreate();
    } catch (RuntimeException e) {
      throw new IllegalStateException("the cluster said: " + said(), e);
    }
  }

  /** And the ends of what the executors wrote. */
  private String said() {
    try (Stream<Path> files = Files.walk(home)) {
      StringBuilder all = new StringBuilder(String.join("\n", ImmutableList.copyOf(said)));
      for (Path file : files.filter(path -> path.endsWith("stderr")).toList()) {
        String text = Files.readString(file);
        all.append('\n').append(file).append(": ");
        all.append(text.substring(Math.max(0, text.length() - 2000)));
      }
      return all.toString();
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Another process that is given the master, the home and more arguments. */
  Process driver(Class<?> main, String... arguments) throws IOException {
    List<String> command =
        java("-Xmx512m", "-Dp3o.log=" + home.resolve("driver.log"), main.getName());
    command.add(master);
    command.addAll(List.of(arguments));
    Process process = start(command, "127.0.0.1");
    processes.add(process);
    return process;
  }

  static SparkSession.Builder configured(String master) {
    return Sessions.builder(master)
        .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        .config("spark.executor.cores", "1")
        .config("spark.executor.memory", "512m")
        .config("spark.executor.memoryOverhead", "1g")
        .config(
            "spark.executor.extraJavaOptions",
            "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.bytedeco.javacpp.maxphysicalbytes=0"
                + " -Dp3o.log=executor.log")
        .config("spark.executorEnv.OMP_NUM_THREADS", "1")
        // both executors before the first task, however slow they start
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "120s")
        .config("spark.cores.max", "2");
  }

  /** Ends all processes, executors included. */
  @Override
  public void close() {
    destroy();
    for (Process process : processes) {
      try {
        process.waitFor(PATIENCE_SECONDS, SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void destroy() {
    for (Process process : processes) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
