package io.github.p3o.examples.evidence;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Lists;
import io.github.p3o.eval.ChatJudge;
import io.github.p3o.eval.ChatJudgeConfig;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.Tournament;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.UsageException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of a language model as a judge. */
final class ChatOptions {

  /** Questions between two lines of progress. */
  private static final int PART = 32;

  /** The library's names of what these options say. */
  private static final ImmutableMap<String, String> PARAMETERS =
      ImmutableMap.of(
          "endpoint", "--chat-url",
          "model", "--chat-model",
          "keyVariable", "--chat-key-variable",
          "criterion", "--chat-criterion",
          "concurrency", "--chat-at-once",
          "perSecond", "--chat-per-second");

  @Option(
      order = 60,
      names = "--chat-model",
      paramLabel = "NAME",
      description = "A language model as a judge.")
  private @Nullable String model;

  @Option(
      order = 61,
      names = "--chat-url",
      paramLabel = "URL",
      defaultValue = "https://api.openai.com/v1",
      description = "Where its /chat/completions is (default: ${DEFAULT-VALUE}).")
  private URI url = URI.create("https://api.openai.com/v1");

  @Option(
      order = 62,
      names = "--chat-key-variable",
      paramLabel = "NAME",
      defaultValue = "OPENAI_API_KEY",
      description = "The environment variable that holds the key (default: ${DEFAULT-VALUE}).")
  private String keyVariable = "OPENAI_API_KEY";

  @Option(
      order = 63,
      names = "--chat-criterion",
      paramLabel = "TEXT",
      description =
          "What makes an answer the better one (default: helpful, true, harmless, clear).")
  private @Nullable String criterion;

  @Option(
      order = 64,
      names = "--chat-at-once",
      paramLabel = "N",
      defaultValue = "4",
      description = "Requests under way at most (default: ${DEFAULT-VALUE}).")
  private int atOnce;

  @Option(
      order = 65,
      names = "--chat-per-second",
      paramLabel = "X",
      defaultValue = "5",
      description = "Requests begun in a second at most (default: ${DEFAULT-VALUE}).")
  private double perSecond;

  @Option(
      order = 66,
      names = "--chat-verdicts",
      paramLabel = "DIR",
      defaultValue = "runs/chat-verdicts",
      description =
          "Keeps the verdicts, so that nothing is asked twice, also after an interruption (default:"
              + " ${DEFAULT-VALUE}).")
  private Path verdicts = Path.of("runs", "chat-verdicts");

  /** The judge, with progress. */
  record Asked(ChatJudge judge, String name, Console console) {

    private ImmutableList<Judge.Verdict> judge(
        ImmutableList<Judge.Question<String, String>> questions) {
      ImmutableList.Builder<Judge.Verdict> verdicts = ImmutableList.builder();
      List<List<Judge.Question<String, String>>> parts = Lists.partition(questions, PART);
      try (Console.Stage stage = console.stage("judge", parts.size())) {
        for (List<Judge.Question<String, String>> part : parts) {
          verdicts.addAll(judge.judge(ImmutableList.copyOf(part)));
          stage.step(name);
        }
      }
      return verdicts.build();
    }
  }

  /** Adds the judge to a tournament, if there is one. */
  void addTo(Tournament.Builder<String, String> tournament, Console console) {
    ChatJudgeConfig config = config();
    if (config != null) {
      Asked asked = new Asked(ChatJudge.of(config, verdicts), config.model(), console);
      tournament.judge(config.model(), asked::judge);
    }
  }

  /** The settings, null without such a judge. */
  @Nullable ChatJudgeConfig config() {
    if (model == null) {
      return null;
    }
    try {
      ChatJudgeConfig config =
          ChatJudgeConfig.of(url, model)
              .withKeyVariable(keyVariable)
              .withPace(new ChatJudgeConfig.Pace(atOnce, perSecond));
      return criterion == null ? config : config.withCriterion(criterion);
    } catch (IllegalArgumentException e) {
      throw new UsageException(asOption(String.valueOf(e.getMessage())));
    }
  }

  private static String asOption(String reason) {
    String parameter = reason.substring(0, reason.indexOf(':'));
    return PARAMETERS.getOrDefault(parameter, parameter) + reason.substring(parameter.length());
  }
}
