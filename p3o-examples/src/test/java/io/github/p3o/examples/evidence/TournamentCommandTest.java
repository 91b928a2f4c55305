package io.github.p3o.examples.evidence;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.github.p3o.examples.Cli;
import io.github.p3o.examples.PageCheck;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.jsoup.nodes.Document;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TournamentCommandTest {

  @TempDir private Path directory = Path.of("");

  private Path samples() throws Exception {
    return Files.writeString(
        directory.resolve("samples.jsonl"),
        """
        {"prompt": "one", "sad": " he cried .", "glad": " he laughed and danced ."}
        {"prompt": "two", "sad": " it was bad .", "glad": " she was happy ."}
        {"prompt": "three", "sad": " same .", "glad": " same ."}
        """);
  }

  @Test
  void tournament_ofSamples_printsAndWritesTheResult() throws Exception {
    Path out = directory.resolve("out");

    Cli cli =
        Cli.run(
            "tournament --samples %s --judge cheerful --judge sentiment --show-samples 2 --out %s",
            samples(), out);

    cli.succeeds();
    assertThat(cli.out())
        .contains("by cheerful", "1. glad", "2. sad", "83.3 [32.3, 96.9] %", "kappa")
        .contains("asked 4 times: first 2, second 2, tie 0, invalid 0")
        .contains("in brackets 95 %. On 3 prompts.");
    assertThat(Files.readString(out.resolve("tournament.csv")))
        .contains("cheerful,glad,sad,2,1,0,0,");
    Document page = PageCheck.parse(Files.readString(out.resolve("report.html")));
    PageCheck.isSelfContained(page);
    assertThat(page.select("h3").eachText())
        .containsExactly("By cheerful", "By sentiment", "Agreement of judges");
  }

  @Test
  void tournament_ofRepeatedPrompts_saysHowManyAreDifferent() throws Exception {
    Path repeated =
        Files.writeString(
            directory.resolve("repeated.jsonl"),
            Files.readString(samples()) + Files.readString(samples()));
    Path out = directory.resolve("out");

    Cli cli = Cli.run("tournament --samples %s --judge cheerful --out %s", repeated, out);

    cli.succeeds();
    String said = "On 6 prompts, 3 of them different, which intervals are over.";
    assertThat(cli.out()).contains(said);
    assertThat(Files.readString(out.resolve("report.html"))).contains(said);
    assertThat(Files.readString(out.resolve("tournament.json")))
        .contains("\"prompts\" : 6", "\"distinctPrompts\" : 3");
  }

  @Test
  void tournament_withAPlayerOfWhomNoGameCounts_showsThatNothingIsKnown() throws Exception {
    Path samples =
        Files.writeString(
            directory.resolve("three.jsonl"),
            """
            {"prompt": "one", "riddle": "xyzzy 1", "glad": "laughter 1", "sad": "tears 1"}
            {"prompt": "two", "riddle": "xyzzy 2", "glad": "laughter 2", "sad": "tears 2"}
            """);
    Path out = directory.resolve("out");
    HttpServer server =
        chat(question -> question.contains("xyzzy") ? "What?" : "Verdict: " + glad(question));

    Cli cli;
    try {
      cli = chatTournament(server, samples, "verdicts", out);
    } finally {
      server.stop(0);
    }

    cli.succeeds();
    assertThat(cli.out().lines().filter(line -> line.startsWith("3. riddle")).toList())
        .singleElement()
        .asString()
        .matches("3\\. riddle +none +none +none");
    assertThat(cli.out()).contains("1. glad").doesNotContain("NaN");
    Document page = PageCheck.parse(Files.readString(out.resolve("report.html")));
    assertThat(page.select("tr").eachText()).contains("3 riddle none none");
    assertThat(page.text()).doesNotContain("NaN");
  }

  /** Which of the two answers comes first in the question. */
  private static String glad(String question) {
    return question.indexOf("laughter") < question.indexOf("tears") ? "A" : "B";
  }

  @Test
  void tournament_ofModels_samplesFromEach() throws Exception {
    Path model = Cli.tinyModel(directory);
    Path reward = directory.resolve("reward");
    Cli.run(
            "reward --policy %s --sample-pairs 12 --prompt a --prompt b --prompt c --prompt d"
                + " --prompt e --prompt f --max-new-tokens 4 --held-out 0.4 --steps 1 --out %s",
            model, reward)
        .succeeds();
    Path out = directory.resolve("out");

    Cli.run(
            "tournament --policy one=%s --policy two=%s --prompt a --prompt b --max-new-tokens 4"
                + " --judge %s --out %s",
            model, model, reward.resolve("model"), out)
        .succeeds();

    assertThat(Files.readAllLines(out.resolve("samples.jsonl")))
        .hasSize(2)
        .allMatch(line -> line.contains("\"one\"") && line.contains("\"two\""));
    // the same model with the same seed answers the same
    assertThat(Files.readString(out.resolve("tournament.csv"))).contains(",one,two,0,2,0,0,0.5,");
    PageCheck.isSelfContained(PageCheck.parse(Files.readString(reward.resolve("report.html"))));
    PageCheck.isSelfContained(
        PageCheck.parse(Files.readString(model.resolveSibling("report.html"))));
  }

  @Test
  void tournament_withAChatModel_asksEachQuestionOnceInAll() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    HttpServer server =
        chat(
            question -> {
              asked.incrementAndGet();
              return "Verdict: B";
            });
    try {
      for (String out : new String[] {"first", "second"}) {
        Cli cli = chatTournament(server, samples(), "verdicts", directory.resolve(out));
        cli.succeeds();
        assertThat(cli.out()).contains("by m", "second 4", "position bias -1.000");
      }
    } finally {
      server.stop(0);
    }
    assertThat(asked).hasValue(4);
  }

  /** A model that answers the body of a request. */
  private static HttpServer chat(UnaryOperator<String> model) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/chat/completions",
        exchange -> {
          String question =
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
          byte[] reply =
              ("{\"choices\": [{\"message\": {\"content\": \"" + model.apply(question) + "\"}}]}")
                  .getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, reply.length);
          try (exchange) {
            exchange.getResponseBody().write(reply);
          }
        });
    server.start();
    return server;
  }

  private Cli chatTournament(HttpServer server, Path samples, String verdicts, Path out) {
    return Cli.run(
        "tournament --samples %s --chat-model m --chat-url http://127.0.0.1:%s --chat-key-variable"
            + " P3O_NO_SUCH_KEY --chat-per-second 1000 --chat-verdicts %s --out %s",
        samples, server.getAddress().getPort(), directory.resolve(verdicts), out);
  }

  @Test
  void tournament_ofWhatDoesNotFit_saysSo() throws Exception {
    Cli.run("tournament --judge cheerful")
        .failsWith(2, "--policy, --samples: expected one of the two, got neither");
    Cli.run("tournament --samples %s", samples())
        .failsWith(2, "--judge, --chat-model: expected at least one, got none");
    Cli.run("tournament --policy a=x --judge cheerful")
        .failsWith(2, "--policy: expected at least 2 players, got [a]");
    Path out = directory.resolve("no-models");
    for (String ofModels :
        List.of(
            "--prompt a",
            "--prompts x.jsonl",
            "--format hh",
            "--chat-template hh",
            "--skip-malformed",
            "--truncate-prompts",
            "--max-prompt-tokens 8",
            "--max-new-tokens 8",
            "--temperature 0.5",
            "--adapter a=x")) {
      Cli.run("tournament --samples %s --judge cheerful --out %s " + ofModels, samples(), out)
          .failsWith(
              2,
              "p3o: "
                  + ofModels.split(" ", -1)[0]
                  + ": expected with --policy alone, got --samples, which has prompts and answers");
      assertThat(out).doesNotExist();
    }
    Cli.run(
            "tournament --temperature 2 --prompt a --prompt b --samples %s --judge cheerful",
            samples())
        .failsWith(2, "p3o: --temperature, --prompt: expected with --policy alone, got --samples");
    Path cut = Files.writeString(directory.resolve("cut.jsonl"), "{\"prompt\": \"x\", \"a");
    Cli.run("tournament --samples %s --judge cheerful --out %s", cut, directory.resolve("o0"))
        .failsWith(2, "cut.jsonl, line 1: expected JSON, got something else");
    Path bad =
        Files.writeString(
            directory.resolve("bad.jsonl"), "{\"prompt\": \"x\", \"b\": \"y\", \"a\": 1}\n");
    Cli.run("tournament --samples %s --judge cheerful --out %s", bad, directory.resolve("o1"))
        .failsWith(2, "--samples, line 1, a: expected a text, got NUMBER");
    Cli.run("tournament --samples %s --judge x --out %s", samples(), directory.resolve("o2"))
        .failsWith(2, "--judge: expected a directory or one of [sentiment, cheerful], got x");
    Cli.run(
            "tournament --samples %s --chat-model m --chat-url http://example.org --out %s",
            samples(), directory.resolve("o3"))
        .failsWith(2, "p3o: --chat-url: expected https");
    Cli.run(
            "tournament --samples %s --chat-model m --chat-at-once 0 --out %s",
            samples(), directory.resolve("o4"))
        .failsWith(2, "p3o: --chat-at-once: expected from 1 to 1000, got 0");
  }
}
