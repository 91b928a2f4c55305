package io.github.p3o.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.collect.ImmutableList;
import com.google.common.util.concurrent.Uninterruptibles;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.loss.P3OLoss;
import io.github.p3o.online.Feedback;
import io.github.p3o.online.OnlineAligner;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.online.OnlineStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A service that learns from its users, on the JDK's HTTP server: which of four headlines to show
 * on each of three pages. {@code POST /generate} draws two headlines for a page; {@code POST
 * /feedback} says which one was liked; {@code GET /status} tells how training goes. Feedback that
 * is answered with 200 is on the disk.
 */
final class FeedbackService implements AutoCloseable {

  /** An answer that is not 200. */
  private static final class Refusal extends Exception {
    private static final long serialVersionUID = 1;

    private final int status;

    Refusal(int status, String message) {
      super(message);
      this.status = status;
    }
  }

  /** What handles a request: the JSON of its body in, the JSON of the answer out. */
  @FunctionalInterface
  private interface Action {
    ObjectNode answer(JsonNode body) throws Refusal;
  }

  private record Shown(Prompt prompt, Samples samples) {}

  static final int MAX_BODY_BYTES = 64 * 1024;

  private static final Logger LOG = LoggerFactory.getLogger(FeedbackService.class);
  private static final int PAGES = 3;
  private static final int HEADLINES = 4;
  private static final int STOP_SECONDS = 5;

  /** Requests that are answered at once; others are told to come again. */
  static final int AT_ONCE = 32;

  /** Each reads one request: clients that are slow to send hold these, and none of the above. */
  static final int THREADS = 128;

  /** Seconds that a client may take for a request, and for reading the answer. */
  private static final String CLIENT_SECONDS = "10";

  /** What was shown and may be judged; the oldest are forgotten. */
  private static final int MAX_SHOWN = 100_000;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private final OnlineAligner aligner;
  private final Semaphore permits = new Semaphore(AT_ONCE);
  private final HttpServer server;
  private final ThreadPoolExecutor threads;
  private final SplittableRandom random = new SplittableRandom();
  private final Cache<String, Shown> shown =
      CacheBuilder.newBuilder().maximumSize(MAX_SHOWN).build();

  /**
   * Starts to serve on the loopback interface.
   *
   * @param aligner of a {@link TabularPolicy}; closed with the service
   * @param port 0 for any that is free
   */
  FeedbackService(OnlineAligner aligner, int port) throws IOException {
    setDefault("sun.net.httpserver.maxReqTime", CLIENT_SECONDS);
    setDefault("sun.net.httpserver.maxRspTime", CLIENT_SECONDS);
    this.aligner = aligner;
    // A full queue makes the thread that takes connections answer itself: no more are taken then.
    this.threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(THREADS),
            new ThreadPoolExecutor.CallerRunsPolicy());
    this.server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    serve("/generate", "POST", permits, this::generate);
    serve("/feedback", "POST", permits, this::feedback);
    serve("/status", "GET", new Semaphore(THREADS), body -> status()); // also when it is busy
    server.createContext("/", exchange -> send(exchange, 404, error("path: not known")));
    server.start();
  }

  private static void setDefault(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value); // the server has no other way to say it
    }
  }

  /**
   * Runs the service until the process is told to end.
   *
   * @param arguments the directory of the journal and the versions; the port, 0 for any
   */
  public static void main(String[] arguments) throws IOException {
    TabularPolicy policy = TabularPolicy.uniform(PAGES, HEADLINES);
    FeedbackService service =
        new FeedbackService(
            aligner(policy, Path.of(arguments[0])).open(), Integer.parseInt(arguments[1]));
    Runtime.getRuntime().addShutdownHook(new Thread(service::close));
    System.out.println(service.port());
  }

  /** The aligner of the example: P3O on batches of 32. */
  static OnlineAligner.Builder aligner(TabularPolicy policy, Path directory) {
    return OnlineAligner.builder(policy, P3OLoss.v2(), directory)
        .config(
            TrainerConfig.builder()
                .promptsPerStep(32)
                .ratioCheck(RatioCheck.OFF)
                .optimizer(OptimizerConfig.adamW(0.05))
                .build());
  }

  int port() {
    return server.getAddress().getPort();
  }

  private void serve(String path, String method, Semaphore atOnce, Action action) {
    server.createContext(
        path,
        exchange -> {
          try {
            answer(exchange, atOnce, action, body(exchange, path, method));
          } catch (Refusal e) {
            if (e.status == 429) {
              exchange.getResponseHeaders().set("Retry-After", "1");
            }
            if (e.status == 405) {
              exchange.getResponseHeaders().set("Allow", method);
            }
            send(exchange, e.status, error(String.valueOf(e.getMessage())));
          } catch (IllegalArgumentException e) {
            send(exchange, 400, error(String.valueOf(e.getMessage())));
          } catch (RuntimeException e) {
            LOG.error("{} {}", method, path, e);
            send(exchange, 503, error("service: cannot answer now"));
          }
        });
  }

  /** A request that was read. */
  private static void answer(HttpExchange exchange, Semaphore atOnce, Action action, JsonNode body)
      throws IOException, Refusal {
    if (!atOnce.tryAcquire()) {
      throw new Refusal(429, "service: " + AT_ONCE + " requests are being answered already");
    }
    try {
      send(exchange, 200, action.answer(body));
    } finally {
      atOnce.release();
    }
  }

  private static JsonNode body(HttpExchange exchange, String path, String method)
      throws IOException, Refusal {
    if (!exchange.getRequestURI().getPath().equals(path)) {
      throw new Refusal(404, "path: not known");
    }
    if (!exchange.getRequestMethod().equals(method)) {
      throw new Refusal(405, "method: expected " + method);
    }
    if (method.equals("GET")) {
      return JSON.createObjectNode();
    }
    try (InputStream in = exchange.getRequestBody()) {
      byte[] bytes = in.readNBytes(MAX_BODY_BYTES + 1);
      if (bytes.length > MAX_BODY_BYTES) {
        throw new Refusal(413, "body: expected at most " + MAX_BODY_BYTES + " bytes");
      }
      JsonNode body = JSON.readTree(bytes);
      if (!body.isObject()) {
        throw new Refusal(400, "body: expected a JSON object");
      }
      return body;
    } catch (JsonProcessingException e) {
      throw new Refusal(400, "body: expected JSON, got " + e.getOriginalMessage());
    }
  }

  private static ObjectNode error(String message) {
    return JSON.createObjectNode().put("error", message);
  }

  private static void send(HttpExchange exchange, int status, ObjectNode answer)
      throws IOException {
    byte[] bytes = JSON.writeValueAsBytes(answer);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  private ObjectNode generate(JsonNode body) throws Refusal {
    int page = integer(body, "page", PAGES - 1);
    Prompt prompt = Prompt.of(page);
    ObjectNode answer = JSON.createObjectNode();
    Samples samples =
        aligner.serve(
            version -> {
              answer.put("version", version.number());
              return ((TabularPolicy) version.policy())
                  .sample(ImmutableList.of(prompt), 2, random); // one call at a time
            });
    String id = UUID.randomUUID().toString();
    shown.put(id, new Shown(prompt, samples));
    ArrayNode headlines = answer.put("id", id).putArray("headlines");
    samples.responses().stream().map(Response::tokens).forEach(t -> headlines.add(t.get(0)));
    return answer;
  }

  private static int integer(JsonNode body, String name, int greatest) throws Refusal {
    JsonNode value = body.path(name);
    if (!value.isInt() || value.intValue() < 0 || value.intValue() > greatest) {
      throw new Refusal(400, name + ": expected an integer from 0 to " + greatest);
    }
    return value.intValue();
  }

  private ObjectNode feedback(JsonNode body) throws Refusal {
    int preferred = integer(body, "preferred", 1);
    String id = body.path("id").asText();
    Shown judged = shown.getIfPresent(id);
    if (judged == null) {
      throw new Refusal(404, "id: expected one of what was shown lately");
    }
    Samples samples = judged.samples();
    Offer answer =
        aligner.offer(
            Feedback.preference(
                id, judged.prompt(), samples.responses(), samples.behaviour().values(), preferred));
    if (answer == Offer.FULL) {
      throw new Refusal(429, "feedback: too much waits to be trained on");
    }
    return JSON.createObjectNode().put("accepted", id).put("repeated", answer == Offer.REPEATED);
  }

  private ObjectNode status() {
    OnlineStatus status = aligner.status();
    Runtime runtime = Runtime.getRuntime();
    return JSON.createObjectNode()
        .put("accepted", status.accepted())
        .put("trained", status.trained())
        .put("skipped", status.skipped())
        .put("steps", status.steps())
        .put("version", status.served())
        .put("refused", status.refused())
        .put("lastRefusal", status.lastRefusal())
        .put("failure", status.failure())
        .put("heapBytes", runtime.totalMemory() - runtime.freeMemory());
  }

  /** Takes no more requests, answers those under way, and ends the training after its step. */
  @Override
  public void close() {
    // Not the server's own delay, which JDK 17 waits for also when nothing is under way.
    boolean answered =
        Uninterruptibles.tryAcquireUninterruptibly(
            permits, AT_ONCE, STOP_SECONDS, TimeUnit.SECONDS);
    if (!answered) {
      LOG.warn("requests that took more than {} seconds were not answered", STOP_SECONDS);
    }
    server.stop(0);
    threads.shutdown();
    aligner.close();
  }
}
