package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.TabularPolicy;
import io.github.p3o.online.OnlineAligner;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The service over HTTP: bad requests, load, and the death of its process. */
@Timeout(300)
class FeedbackServiceTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final int KILLS = Integer.getInteger("p3o.service.kills", 3);
  private static final int REQUESTS = Integer.getInteger("p3o.service.requests", 120);
  private static final int CLIENTS = 4;

  @TempDir private Path directory = Path.of("");

  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(60))
          .build();

  private static HttpRequest request(int port, String method, String path, String body) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .timeout(Duration.ofSeconds(60))
        .method(method, BodyPublishers.ofString(body))
        .build();
  }

  private HttpResponse<String> send(int port, String method, String path, String body)
      throws IOException, InterruptedException {
    return client.send(request(port, method, path, body), BodyHandlers.ofString());
  }

  private JsonNode generate(int port, int page) throws IOException, InterruptedException {
    HttpResponse<String> answer = send(port, "POST", "/generate", "{\"page\": " + page + "}");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return JSON.readTree(answer.body());
  }

  private HttpResponse<String> judge(int port, String id, int preferred)
      throws IOException, InterruptedException {
    String body = String.format(Locale.ROOT, "{\"id\": \"%s\", \"preferred\": %d}", id, preferred);
    return send(port, "POST", "/feedback", body);
  }

  private JsonNode status(int port) throws IOException, InterruptedException {
    return JSON.readTree(send(port, "GET", "/status", "").body());
  }

  /** On each page, the headline of its number is liked. */
  private static int preferred(JsonNode shown, int page) {
    return shown.path("headlines").path(1).asInt() == page ? 1 : 0;
  }

  private void assertAnswer(
      int port, String method, String path, String body, int code, String says)
      throws IOException, InterruptedException {
    HttpResponse<String> answer = send(port, method, path, body);
    assertThat(answer.statusCode()).as("%s %s", path, answer.body()).isEqualTo(code);
    assertThat(JSON.readTree(answer.body()).path("error").asText()).startsWith(says);
  }

  @Test
  void requests_malformedLargeOrUnknown_areRefusedAndTheServiceGoesOn() throws Exception {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        FeedbackService service =
            new FeedbackService(FeedbackService.aligner(policy, directory).open(), 0)) {
      int port = service.port();
      assertAnswer(port, "POST", "/generate", "{\"page\"", 400, "body: expected JSON, got ");
      assertAnswer(port, "POST", "/generate", "[1]", 400, "body: expected a JSON object");
      assertAnswer(port, "POST", "/generate", "", 400, "body: expected a JSON object");
      assertAnswer(port, "POST", "/generate", "{}{}", 400, "body: expected JSON, got ");
      assertAnswer(
          port, "POST", "/generate", "{\"page\": 3}", 400, "page: expected an integer from 0 to 2");
      assertAnswer(
          port, "POST", "/generate", "{\"page\": \"0\"}", 400, "page: expected an integer from 0");
      String deep = "[".repeat(5000);
      assertAnswer(port, "POST", "/generate", deep, 400, "body: expected JSON, got ");
      String large = " ".repeat(FeedbackService.MAX_BODY_BYTES + 1);
      assertAnswer(port, "POST", "/generate", large, 413, "body: expected at most 65536 bytes");
      assertAnswer(port, "GET", "/generate", "", 405, "method: expected POST");
      assertAnswer(port, "POST", "/generate/x", "{}", 404, "path: not known");
      assertAnswer(port, "GET", "/", "", 404, "path: not known");
      String unknown = "{\"id\": \"x\", \"preferred\": 0}";
      assertAnswer(port, "POST", "/feedback", unknown, 404, "id: expected one of what was shown");

      assertThat(generate(port, 1).path("headlines")).hasSize(2);
    }
  }

  /** As a client does that got no answer. */
  @Test
  void feedback_sentAgain_isAnsweredAlikeAndKeptOnce() throws Exception {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        FeedbackService service =
            new FeedbackService(FeedbackService.aligner(policy, directory).open(), 0)) {
      int port = service.port();
      String id = generate(port, 1).path("id").asText();
      assertThat(JSON.readTree(judge(port, id, 0).body()).path("repeated").asBoolean()).isFalse();
      assertThat(JSON.readTree(judge(port, id, 0).body()).path("repeated").asBoolean()).isTrue();
      assertThat(judge(port, id, 1).statusCode()).isEqualTo(200); // the first word counts
      assertThat(status(port).path("accepted").asLong()).isEqualTo(1);
    }
  }

  @Test
  void feedback_thatCanNotBeKept_is503AndServingGoesOn() throws Exception {
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = FeedbackService.aligner(policy, directory).open();
        FeedbackService service = new FeedbackService(aligner, 0)) {
      int port = service.port();
      String id = generate(port, 1).path("id").asText();
      aligner.close();
      HttpResponse<String> answer = judge(port, id, 0);
      assertThat(answer.statusCode()).isEqualTo(503);
      assertThat(answer.body()).isEqualTo("{\"error\":\"service: cannot answer now\"}");
      assertThat(status(port).path("accepted").asLong()).isZero();
    }
  }

  @Test
  void requests_moreThanAreAnsweredAtOnce_are429() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        OnlineAligner aligner = FeedbackService.aligner(policy, directory).open();
        FeedbackService service = new FeedbackService(aligner, 0)) {
      int port = service.port();
      CountDownLatch held = new CountDownLatch(1);
      Thread holder =
          new Thread(
              () ->
                  aligner.serve(
                      version -> {
                        held.countDown();
                        return Uninterruptibles.awaitUninterruptibly(go, 1, TimeUnit.MINUTES);
                      }));
      holder.start();
      held.await();
      try {
        int tooMany = 5;
        List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
        for (int i = 0; i < FeedbackService.AT_ONCE + tooMany; i++) {
          HttpRequest request = request(port, "POST", "/generate", "{\"page\": 0}");
          asked.add(client.sendAsync(request, BodyHandlers.ofString()));
        }
        while (asked.stream().filter(CompletableFuture::isDone).count() < tooMany) {
          TimeUnit.MILLISECONDS.sleep(5);
        }
        for (CompletableFuture<HttpResponse<String>> each : asked) {
          if (each.isDone()) {
            assertThat(each.get().statusCode()).isEqualTo(429);
            assertThat(each.get().headers().firstValue("Retry-After")).contains("1");
            assertThat(each.get().body()).contains("32 requests are being answered already");
          }
        }
        assertThat(status(port).path("accepted").asLong()).isZero();
        go.countDown();
        int answered = 0;
        for (CompletableFuture<HttpResponse<String>> each : asked) {
          answered += each.get().statusCode() == 200 ? 1 : 0;
        }
        assertThat(answered).isEqualTo(FeedbackService.AT_ONCE);
      } finally {
        go.countDown();
        holder.join();
      }
    }
  }

  @Test
  void feedback_moreThanMayWait_is429WithRetryAfterAndIsTakenLater() throws Exception {
    CountDownLatch within = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        FeedbackService service =
            new FeedbackService(
                FeedbackService.aligner(policy, directory)
                    .capacity(32)
                    .evaluation(
                        copy -> {
                          within.countDown();
                          Uninterruptibles.awaitUninterruptibly(go);
                          return 1;
                        },
                        0)
                    .open(),
                0)) {
      int port = service.port();
      try {
        for (int i = 0; i < 64; i++) {
          if (i == 32) {
            within.await(); // the first batch no longer waits
          }
          String id = generate(port, i % 3).path("id").asText();
          assertThat(judge(port, id, 0).statusCode()).isEqualTo(200);
        }
        String id = generate(port, 0).path("id").asText();
        HttpResponse<String> full = judge(port, id, 1);
        assertThat(full.statusCode()).isEqualTo(429);
        assertThat(full.headers().firstValue("Retry-After")).contains("1");
        go.countDown();
        while (status(port).path("trained").asLong() < 64) {
          TimeUnit.MILLISECONDS.sleep(5);
        }
        assertThat(judge(port, id, 1).statusCode()).isEqualTo(200);
      } finally {
        go.countDown();
      }
    }
  }

  private Process start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"));
    command.add("-Dsun.net.httpserver.maxReqTime=1");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(FeedbackService.class.getName(), directory.toString(), "0"));
    return new ProcessBuilder(command).redirectError(errors().toFile()).start();
  }

  private Path errors() {
    return directory.resolveSibling(directory.getFileName() + ".err");
  }

  /** What the service says once it listens. */
  private int port(BufferedReader output) throws IOException {
    String line = output.readLine();
    assertThat(line).as("the port, but %s", Files.readString(errors())).isNotNull();
    return Integer.parseInt(line);
  }

  /** Clients that ask and judge until the service dies, or so often; what was acknowledged. */
  private List<Thread> clients(int port, Set<String> acknowledged, AtomicLong answered) {
    List<Thread> threads = new ArrayList<>();
    for (int c = 0; c < CLIENTS; c++) {
      int first = c;
      Thread thread =
          new Thread(
              () -> {
                try {
                  for (int i = first; i < REQUESTS; i += CLIENTS) {
                    JsonNode shown = generate(port, i % 3);
                    String id = shown.path("id").asText();
                    if (judge(port, id, preferred(shown, i % 3)).statusCode() == 200) {
                      acknowledged.add(id);
                      if (i % 10 == first) { // as if the answer had been lost
                        assertThat(judge(port, id, preferred(shown, i % 3)).statusCode())
                            .isEqualTo(200);
                      }
                    }
                    answered.addAndGet(2);
                  }
                } catch (IOException e) {
                  return; // the service was killed
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      thread.start();
      threads.add(thread);
    }
    return threads;
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // no SIGTERM there
  void service_killedUnderLoad_losesNothingThatItAcknowledged() throws Exception {
    SplittableRandom random = new SplittableRandom(5);
    Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    AtomicLong answered = new AtomicLong();
    for (int kill = 0; kill < KILLS; kill++) {
      Process process = start();
      try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
        int port = port(output);
        List<Thread> threads = clients(port, acknowledged, answered);
        int wanted = acknowledged.size() + random.nextInt(10, REQUESTS / 2);
        while (acknowledged.size() < wanted && threads.stream().anyMatch(Thread::isAlive)) {
          TimeUnit.MILLISECONDS.sleep(1);
        }
        process.destroyForcibly(); // SIGKILL
        for (Thread thread : threads) {
          thread.join();
        }
        assertThat(process.waitFor()).isEqualTo(128 + 9);
      }
    }
    Process last = start();
    try (BufferedReader output = last.inputReader(StandardCharsets.UTF_8)) {
      int port = port(output);
      assertThat(status(port).path("accepted").asLong())
          .isGreaterThanOrEqualTo(acknowledged.size());
      long start = System.nanoTime();
      answered.set(0);
      for (Thread thread : clients(port, acknowledged, answered)) {
        thread.join();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      assertThatSlowClientsHoldNobodyUpAndAreCutOff(port);
      JsonNode status = status(port);
      long accepted = status.path("accepted").asLong();
      while (status.path("trained").asLong() < accepted / 32 * 32) {
        TimeUnit.MILLISECONDS.sleep(10);
        status = status(port);
      }
      assertThat(status.path("failure").isNull()).as(status.toString()).isTrue();
      System.out.printf(
          Locale.ROOT,
          "FeedbackServiceTest: %d kills, %d acknowledged, %d accepted, %.0f requests/s by %d"
              + " clients; %s%n",
          KILLS,
          acknowledged.size(),
          accepted,
          answered.get() / seconds,
          CLIENTS,
          status);
      last.destroy(); // SIGTERM
      assertThat(last.waitFor()).isEqualTo(128 + 15);
    }
    String journal = "";
    try (Stream<Path> files = Files.list(directory.resolve("feedback"))) {
      for (Path file : files.toList()) {
        journal += Files.readString(file, StandardCharsets.ISO_8859_1);
      }
    }
    assertThat(acknowledged).isNotEmpty().allMatch(journal::contains);
  }

  private static Socket slow(int port, String request) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(60_000);
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    return socket;
  }

  /** Half a request and then nothing, or a byte now and then. */
  private void assertThatSlowClientsHoldNobodyUpAndAreCutOff(int port) throws Exception {
    String head = "POST /generate HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{";
    List<Socket> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 2 * FeedbackService.AT_ONCE; i++) {
        slow.add(slow(port, i % 2 == 0 ? head.substring(0, 30) : head));
      }
      assertThat(generate(port, 0).path("headlines")).hasSize(2);
      assertThatThrownBy(
              () -> {
                while (true) { // far longer than it may take, if nobody ends it
                  slow.get(1).getOutputStream().write(' ');
                  TimeUnit.MILLISECONDS.sleep(20);
                }
              })
          .isInstanceOf(IOException.class);
      for (Socket socket : slow) {
        assertThat(isCutOff(socket)).isTrue();
      }
    } finally {
      for (Socket socket : slow) {
        socket.close();
      }
    }
  }

  private static boolean isCutOff(Socket socket) throws IOException {
    try {
      return socket.getInputStream().read() == -1;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (SocketException e) {
      return true; // reset, with bytes that nobody read
    }
  }
}
