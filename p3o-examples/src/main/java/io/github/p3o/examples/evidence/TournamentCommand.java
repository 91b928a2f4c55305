package io.github.p3o.examples.evidence;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import io.github.p3o.Prompt;
import io.github.p3o.Samples;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.Tournament;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.PromptOptions;
import io.github.p3o.examples.language.StoryOpenings;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.report.TournamentPage;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.DecoderConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o tournament}. */
@Command(
    name = "tournament",
    header = "Compares models, or texts, on the same prompts: each with each, by judges.",
    description = {
      "",
      "Players are models (--policy), which answer the prompts, or the columns of a samples.jsonl"
          + " (--samples). Judges are known preferences, reward models, or a language model over"
          + " any endpoint like OpenAI's (--chat-model). Each judge is asked in both orders."
    },
    footer = {
      "  p3o tournament --samples runs/quickstart/samples.jsonl --judge cheerful",
      "  p3o tournament --policy a=DIR --policy b=DIR --judge REWARD --judge sentiment",
      "  p3o tournament --policy a=DIR --policy b=DIR --adapter b=RUN/adapter --judge REWARD",
      "  p3o tournament --samples FILE --chat-model gpt-4o-mini"
    })
public final class TournamentCommand implements Callable<Integer> {

  /** Beside those of prompts. */
  private static final ImmutableSet<String> OF_ANSWERS =
      ImmutableSet.of("--adapter", "--max-new-tokens", "--temperature");

  @Mixin private final RunOptions options = new RunOptions();
  @Mixin private final PromptOptions promptOptions = new PromptOptions();
  @Mixin private final ChatOptions chat = new ChatOptions();

  @Option(
      names = "--policy",
      paramLabel = "NAME=DIR",
      description = "A player: a model, a Hugging Face directory; two or more.")
  private Map<String, Path> policies = new LinkedHashMap<>();

  @Option(
      names = "--adapter",
      paramLabel = "NAME=DIR",
      description =
          "A low-rank adapter over that player's model, as PEFT or --lora-rank leaves it.")
  private Map<String, Path> adapters = new LinkedHashMap<>();

  @Option(
      names = "--samples",
      paramLabel = "FILE",
      description =
          "Instead of models: lines of {\"prompt\": TEXT, NAME: ANSWER, NAME: ANSWER, ...}.")
  private @Nullable Path samples;

  @Option(
      names = "--judge",
      paramLabel = "DIR|NAME",
      description =
          "A reward model's directory, or a known preference: sentiment, cheerful; may be given"
              + " several times.")
  private List<String> judges = new ArrayList<>();

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      defaultValue = "48",
      description = "The longest answer of a model (default: ${DEFAULT-VALUE}).")
  private int maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "1",
      description = "Of the models' answers (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--resamples",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Of the bootstrap intervals of strengths (default: ${DEFAULT-VALUE}).")
  private int resamples;

  @Option(
      names = "--show-samples",
      paramLabel = "N",
      defaultValue = "0",
      description = "Prompts in the report with their answers (default: ${DEFAULT-VALUE}).")
  private int showSamples;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    check();
    try (Run run = Run.open(spec, options)) {
      Answers answers = samples == null ? sampled(run) : Answers.read(samples);
      if (samples == null) { // before they are judged: --samples goes on from there
        run.directory().jsonLines("samples.jsonl", answers.lines());
      }
      Tournament tournament = play(answers, run);
      TournamentPage.write(tournament, "", run.directory());
      run.directory().text("tournament.csv", tournament.csv());
      TournamentTables.print(tournament, run.console());
      RunReport.write(
          run,
          new RunReport.About(
              "Tournament",
              "Players that answered the same prompts, each compared with each.",
              "",
              showSamples));
      run.printDone("Report: " + run.directory().resolve(RunReport.FILE));
      return 0;
    }
  }

  private void check() {
    if (policies.isEmpty() == (samples == null)) {
      throw new UsageException(
          "--policy, --samples: expected one of the two, got "
              + (samples == null ? "neither" : "both"));
    }
    checkAnswersAreAskedFor();
    if (samples == null && policies.size() < 2) {
      throw new UsageException("--policy: expected at least 2 players, got " + policies.keySet());
    }
    if (chat.config() == null && judges.isEmpty()) {
      throw new UsageException("--judge, --chat-model: expected at least one, got none");
    }
    Checks.positive("--temperature", temperature);
    Checks.atLeast("--resamples", 1, resamples);
    Checks.atLeast("--show-samples", 0, showSamples);
    policies.values().forEach(DecoderConfig::read); // before the first one answers
    adapters.forEach(this::checkAdapter);
    judges.forEach(TextReward::check);
  }

  /** What says how models are to answer means nothing where the answers are given. */
  private void checkAnswersAreAskedFor() {
    if (samples == null) {
      return;
    }
    GivenOptions.refuse(
        spec,
        Sets.union(OF_ANSWERS, GivenOptions.namesOf(new PromptOptions())),
        "with --policy alone, got --samples, which has prompts and answers");
  }

  private void checkAdapter(String player, Path directory) {
    if (!policies.containsKey(player)) {
      throw new UsageException(
          "--adapter: expected names of players " + policies.keySet() + ", got " + player);
    }
    if (!Files.exists(directory.resolve("adapter_config.json"))) {
      throw new UsageException(
          "--adapter: expected a directory with an adapter_config.json, got " + directory);
    }
  }

  /** What each model answers, one model in memory at a time; the first gives the prompts' texts. */
  private Answers sampled(Run run) {
    List<String> texts = new ArrayList<>();
    Map<String, ImmutableList<String>> players = new LinkedHashMap<>();
    try (Console.Stage stage = run.console().stage("answers", policies.size())) {
      policies.forEach(
          (name, directory) -> {
            try (LanguageModel model = player(name, directory)) {
              ImmutableList<Prompt> prompts = prompts(model, run.console());
              if (texts.isEmpty()) {
                prompts.forEach(prompt -> texts.add(model.codec().text(prompt)));
              }
              players.put(name, answers(model, prompts));
            }
            stage.step(name);
          });
    }
    return new Answers(ImmutableList.copyOf(texts), players);
  }

  private LanguageModel player(String name, Path directory) {
    LanguageModel base = LanguageModel.load(directory);
    Path adapter = adapters.get(name);
    return adapter == null ? base : base.withAdapter(adapter);
  }

  private ImmutableList<Prompt> prompts(LanguageModel model, Console console) {
    return ImmutableList.copyOf(
        promptOptions.prompts(
            StoryOpenings.all(), model, model.maxPromptTokens(maxNewTokens), console));
  }

  private ImmutableList<String> answers(LanguageModel model, ImmutableList<Prompt> prompts) {
    Samples drawn =
        model
            .policy()
            .withTemperature(temperature)
            .sampler(maxNewTokens)
            .sample(prompts, 2, new SplittableRandom(options.seed()));
    return IntStream.range(0, prompts.size())
        .mapToObj(i -> model.codec().text(prompts.get(i), drawn.responses().get(i)))
        .collect(ImmutableList.toImmutableList());
  }

  private Tournament play(Answers answers, Run run) {
    Tournament.Builder<String, String> builder = Tournament.builder(answers.prompts());
    answers.players().forEach(builder::player);
    builder.bootstrap(resamples, options.seed());
    List<TextReward> rewards = new ArrayList<>();
    try {
      for (String judge : judges) {
        TextReward reward = TextReward.open(judge);
        rewards.add(reward);
        builder.judge(judge, Judge.byScore(reward::score));
      }
      chat.addTo(builder, run.console());
      return builder.play();
    } finally {
      rewards.forEach(TextReward::close);
    }
  }
}
