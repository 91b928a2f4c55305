package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.util.concurrent.Uninterruptibles;
import io.github.p3o.TabularPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
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
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
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
  private static final int REQUESTS = Integer.getInteger("p3o.service.requests", 200);
  private static final int CLIENTS = 4;

  @TempDir private Path directory = Path.of("");

  private final HttpClient client =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

  private HttpResponse<String> send(int port, String method, String path, String body)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .timeout(Duration.ofSeconds(20))
            .method(method, BodyPublishers.ofString(body))
            .build();
    return client.send(request, BodyHandlers.ofString());
  }

  private JsonNode generate(int port, int page) throws IOException, InterruptedException {
    HttpResponse<String> answer = send(port, "POST", "/generate", "{\"page\": " + page + "}");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return JSON.readTree(answer.body());
  }

  private HttpResponse<String> judge(int port, String id, int preferred)
      throws IOException, InterruptedException {
    String body = String.format("{\"id\": \"%s\", \"preferred\": %d}", id, preferred);
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

      String id = generate(port, 1).path("id").asText();
      assertThat(judge(port, id, 0).statusCode()).isEqualTo(200);
      assertThat(judge(port, id, 0).statusCode()).isEqualTo(404); // not twice
      assertThat(status(port).path("accepted").asLong()).isEqualTo(1);
    }
  }

  @Test
  void feedback_moreThanMayWait_is429WithRetryAfterAndIsTakenLater() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (TabularPolicy policy = TabularPolicy.uniform(3, 4);
        FeedbackService service =
            new FeedbackService(
                FeedbackService.aligner(policy, directory)
                    .capacity(32)
                    .evaluation(
                        copy -> {
                          Uninterruptibles.awaitUninterruptibly(go);
                          return 1;
                        },
                        0)
                    .open(),
                0)) {
      int port = service.port();
      try {
        for (int i = 0; i < 64; i++) {
          while (i == 32 && status(port).path("trained").asLong() < 32) {
            TimeUnit.MILLISECONDS.sleep(5);
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
    return new ProcessBuilder(command)
        .redirectError(directory.resolveSibling(directory.getFileName() + ".err").toFile())
        .start();
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
        int port = Integer.parseInt(output.readLine());
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
      int port = Integer.parseInt(output.readLine());
      assertThat(status(port).path("accepted").asLong())
          .isGreaterThanOrEqualTo(acknowledged.size());
      long start = System.nanoTime();
      answered.set(0);
      for (Thread thread : clients(port, acknowledged, answered)) {
        thread.join();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      assertThatSlowClientIsCutOff(port);
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
    String journal =
        Files.readString(directory.resolve("feedback.journal"), StandardCharsets.ISO_8859_1);
    assertThat(acknowledged).isNotEmpty().allMatch(journal::contains);
  }

  /** Half a request, and then nothing. */
  private static void assertThatSlowClientIsCutOff(int port) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(60_000);
      socket
          .getOutputStream()
          .write("POST /generate HTTP/1.1\r\nContent-Le".getBytes(StandardCharsets.US_ASCII));
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }
}
