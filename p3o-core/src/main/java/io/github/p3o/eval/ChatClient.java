package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.base.CharMatcher;
import com.google.common.base.Strings;
import com.google.common.primitives.Longs;
import dev.failsafe.Failsafe;
import dev.failsafe.FailsafeException;
import dev.failsafe.FailsafeExecutor;
import dev.failsafe.RateLimiter;
import dev.failsafe.RetryPolicy;
import io.github.p3o.internal.StrictJson;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends requests to a chat endpoint, again where that may help. Of what the server says about an
 * error only a short code is shown; the key goes into the request and nowhere else.
 */
final class ChatClient {

  private static final Logger LOG = LoggerFactory.getLogger(ChatClient.class);

  /** Some hundred times a long reply. */
  static final int MAX_REPLY_BYTES = 1 << 20;

  /** So that clients that failed together do not come back together. */
  private static final double JITTER = 0.25;

  private static final int MAX_CODE_LENGTH = 60;

  private final ChatJudgeConfig config;
  private final URI uri;
  private final @Nullable String key;
  private final HttpClient http;
  private final FailsafeExecutor<String> patiently;

  /** An attempt that failed. */
  static final class FailedException extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final boolean again;
    private final transient @Nullable Duration retryAfter;

    /**
     * An attempt that failed.
     *
     * @param again whether another one may help
     * @param retryAfter how long the server wants to be left alone, null if it did not say
     */
    FailedException(
        String message, @Nullable Throwable cause, boolean again, @Nullable Duration retryAfter) {
      super(message, cause);
      this.again = again;
      this.retryAfter = retryAfter;
    }
  }

  /** A client with this key, or none. */
  ChatClient(ChatJudgeConfig config, @Nullable String key) {
    this.config = config;
    this.uri =
        URI.create(
            CharMatcher.is('/').trimTrailingFrom(config.endpoint().toString())
                + "/chat/completions");
    this.key = Strings.emptyToNull(Strings.nullToEmpty(key).strip());
    checkArgument(
        this.key == null || CharMatcher.inRange('!', '~').matchesAllOf(this.key),
        "%s: expected printable ASCII without blanks, got other characters",
        config.keyVariable());
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // servers that know no h2c are many
            .followRedirects(HttpClient.Redirect.NEVER) // the key is for this host alone
            .connectTimeout(config.timeouts().connect())
            .build();
    RateLimiter<String> pace =
        RateLimiter.<String>smoothBuilder(
                Duration.ofNanos((long) (1e9 / config.pace().perSecond())))
            .withMaxWaitTime(Duration.ofDays(365))
            .build();
    this.patiently = Failsafe.with(retries(), pace);
  }

  private RetryPolicy<String> retries() {
    return RetryPolicy.<String>builder()
        .handleIf(e -> e instanceof FailedException failed && failed.again)
        .withMaxRetries(config.retries().most())
        .withBackoff(config.retries().firstWait(), config.retries().longestWait())
        .withJitter(JITTER)
        .withDelayFnOn(attempt -> wait(attempt.getLastException()), FailedException.class)
        .onRetryScheduled(
            event ->
                LOG.warn(
                    "{}; again in {} ms",
                    event.getLastException().getMessage(),
                    event.getDelay().toMillis()))
        .build();
  }

  /** What the server asked for, and so much more that jitter does not take it below that. */
  private static Duration wait(Throwable e) {
    return e instanceof FailedException failed && failed.retryAfter != null
        ? Duration.ofMillis((long) (failed.retryAfter.toMillis() / (1 - JITTER)))
        : Duration.ofNanos(-1); // the policy's own wait
  }

  /**
   * The text of the reply to a request, empty if the model gave none.
   *
   * @throws JudgeException if there is no reply after all attempts
   */
  String reply(String body) {
    try {
      return patiently.get(() -> attempt(body));
    } catch (FailedException e) {
      String attempts =
          e.again ? " at the last of " + (config.retries().most() + 1) + " attempts" : "";
      throw new JudgeException(e.getMessage() + attempts, e.getCause());
    } catch (FailsafeException e) {
      if (e.getCause() instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      throw new JudgeException(name() + ": expected a reply, was interrupted", null);
    }
  }

  private String attempt(String body) throws InterruptedException {
    HttpResponse<byte[]> response = send(body);
    String text = new String(response.body(), StandardCharsets.UTF_8);
    if (response.statusCode() != 200) {
      throw refused(response, text);
    }
    try {
      JsonNode message = StrictJson.object(text).path("choices").path(0).path("message");
      JsonNode content = message.path("content");
      if (message.isObject() && (content.isTextual() || content.isNull())) {
        return content.asText("");
      }
      throw failed(
          "choices[0].message.content: expected a text, got " + content.getNodeType(), null, true);
    } catch (JsonProcessingException e) {
      throw failed(StrictJson.reason(e), null, true); // e itself would quote the text
    }
  }

  private HttpResponse<byte[]> send(String body) throws InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body));
    if (key != null) {
      request.header("Authorization", "Bearer " + key);
    }
    CompletableFuture<HttpResponse<byte[]>> response =
        http.sendAsync(request.build(), head -> new LimitedBody(MAX_REPLY_BYTES));
    try {
      // The request's own time-out ends with the headers; this one with the last byte.
      return response.get(config.timeouts().request().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw failed(
          "expected an answer within " + config.timeouts().request() + ", got none", null, true);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw failed(
          "expected an answer, got " + cause,
          cause,
          !(cause instanceof LimitedBody.TooLongException));
    } finally {
      response.cancel(true); // of no effect on one that is complete
    }
  }

  private FailedException refused(HttpResponse<?> response, String text) {
    int status = response.statusCode();
    Duration retryAfter =
        response.headers().firstValue("Retry-After").map(ChatClient::wait).orElse(null);
    boolean tooLong =
        retryAfter != null && retryAfter.compareTo(config.retries().longestWait()) > 0;
    boolean again = status == 408 || status == 425 || status == 429 || status >= 500;
    String hint =
        status == 401 || status == 403
            ? "; " + config.keyVariable() + " is " + (key == null ? "not set" : "set")
            : tooLong ? "; it is to be left alone for " + retryAfter : "";
    return new FailedException(
        name() + ": expected status 200, got " + status + code(text) + hint,
        null,
        again && !tooLong,
        retryAfter);
  }

  /** What the server calls the error, if that is one word. */
  private String code(String text) {
    try {
      String code = StrictJson.object(text).path("error").path("code").asText("");
      boolean isWord =
          code.length() <= MAX_CODE_LENGTH
              && CharMatcher.inRange('a', 'z').or(CharMatcher.is('_')).matchesAllOf(code);
      return code.isEmpty() || !isWord ? "" : " " + redacted(code);
    } catch (JsonProcessingException e) {
      return "";
    }
  }

  private FailedException failed(String message, @Nullable Throwable cause, boolean again) {
    return new FailedException(name() + ": " + redacted(message), cause, again, null);
  }

  /** A text without the key. */
  String redacted(String text) {
    return key == null ? text : text.replace(key, "[key]");
  }

  private String name() {
    return "judge " + config.model() + " at " + uri;
  }

  /**
   * Seconds or a date (RFC 9110, 10.2.3); null if it is neither.
   *
   * @param retryAfter of the header
   */
  static @Nullable Duration wait(String retryAfter) {
    Long seconds = Longs.tryParse(retryAfter.strip());
    if (seconds != null) {
      return seconds < 0 ? null : Duration.ofSeconds(Math.min(seconds, Integer.MAX_VALUE));
    }
    try {
      Instant until =
          ZonedDateTime.parse(retryAfter.strip(), DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration left = Duration.between(Instant.now(), until);
      return left.isNegative() ? Duration.ZERO : left;
    } catch (DateTimeException e) {
      return null;
    }
  }
}
