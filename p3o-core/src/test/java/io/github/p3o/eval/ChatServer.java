package io.github.p3o.eval;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * A chat endpoint on this machine. It misbehaves as it is told, once each, and then answers as it
 * should.
 */
final class ChatServer implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** What it does with a request in place of an answer. */
  @FunctionalInterface
  interface Misbehaviour {
    void answer(HttpExchange exchange) throws IOException;
  }

  final Deque<Misbehaviour> misbehaviours = new ConcurrentLinkedDeque<>();
  final List<String> authorizations = new CopyOnWriteArrayList<>();
  final List<JsonNode> bodies = new CopyOnWriteArrayList<>();
  final AtomicInteger atOnce = new AtomicInteger();
  final AtomicInteger mostAtOnce = new AtomicInteger();
  volatile Function<JsonNode, String> model = body -> "Fine.\nVerdict: A";

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  ChatServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/v1/chat/completions", this::handle);
    server.start();
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/v1");
  }

  private void handle(HttpExchange exchange) throws IOException {
    mostAtOnce.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
    try (exchange) {
      authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      JsonNode body = JSON.readTree(exchange.getRequestBody());
      bodies.add(body);
      Misbehaviour misbehaviour = misbehaviours.poll();
      if (misbehaviour != null) {
        misbehaviour.answer(exchange);
      } else {
        send(exchange, 200, reply(model.apply(body)));
      }
    } finally {
      atOnce.decrementAndGet();
    }
  }

  /** A reply as it should be. */
  static String reply(String content) {
    return "{\"choices\": [{\"message\": {\"content\": "
        + JSON.getNodeFactory().textNode(content)
        + "}}]}";
  }

  static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  /** A status, with a header or none. */
  static Misbehaviour status(int status, String... header) {
    return exchange -> {
      if (header.length > 0) {
        exchange.getResponseHeaders().set(header[0], header[1]);
      }
      send(exchange, status, "{\"error\": {\"message\": \"no\", \"code\": \"not_now\"}}");
    };
  }

  /** A body with status 200. */
  static Misbehaviour body(String body) {
    return exchange -> send(exchange, 200, body);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
