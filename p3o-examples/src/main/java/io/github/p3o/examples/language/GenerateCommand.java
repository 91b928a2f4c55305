package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.SeedOptions;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.SamplingConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o generate}. */
@Command(
    name = "generate",
    header = "Prints what a model writes.",
    description = {
      "",
      "Continues each prompt; without a prompt the model begins by itself. The texts are printed;"
          + " with --out they go to DIR/samples.jsonl too."
    },
    footer = {
      "  p3o generate --policy DIR --prompt 'Once upon a time' --greedy",
      "  p3o generate --policy DIR --count 3 --temperature 0.8 --seed 7",
      "  p3o generate --policy DIR --prompt Hello --top-p 0.9 --top-k 40 --stop END",
      "  p3o generate --policy DIR --adapter RUN/adapter --mapped"
    })
public final class GenerateCommand implements Callable<Integer> {

  private static final int DEFAULT_TOKENS = 100;

  /** Options that change nothing where the likeliest token is taken. */
  private static final ImmutableSet<String> OF_CHANCE =
      ImmutableSet.of("--temperature", "--top-k", "--top-p", "--min-p");

  @Mixin private final SeedOptions options = new SeedOptions();
  @Mixin private final PromptOptions promptOptions = new PromptOptions();
  @Mixin private final TruncationOptions truncation = new TruncationOptions();
  @Mixin private final WeightsOptions weights = new WeightsOptions();

  @Option(
      names = "--policy",
      required = true,
      paramLabel = "DIR",
      description = "The model, a Hugging Face directory.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path policy;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "A low-rank adapter over the model, as PEFT or --lora-rank leaves it.")
  private @Nullable Path adapter;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "The longest text (default: 100, or half the context if that is less).")
  private @Nullable Integer maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "1",
      description = "What logits are divided by (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(names = "--greedy", description = "Always the likeliest token.")
  private boolean greedy;

  @Option(
      names = "--count",
      paramLabel = "N",
      defaultValue = "1",
      description = "Texts for each prompt (default: ${DEFAULT-VALUE}).")
  private int count;

  @Option(
      order = 91,
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory, new or empty (default: none).")
  private @Nullable Path out;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--count", 1, count);
    if (temperature == 0) {
      throw new UsageException(
          "--temperature: expected a finite number > 0, got 0; --greedy takes the likeliest token");
    }
    Checks.positive("--temperature", temperature);
    if (greedy) {
      GivenOptions.refuse(spec, OF_CHANCE, "without --greedy, which takes the likeliest token");
    }
    if (greedy && count > 1) {
      throw new UsageException(
          "--count: expected 1 with --greedy, which has one text for each prompt, got " + count);
    }
    Console console = Run.console(spec, options.display());
    try (LanguageModel model = model()) {
      int tokens = newTokens(model);
      SamplingConfig sampling = truncation.config(tokens, model.tokenizer());
      List<Prompt> prompts =
          promptOptions.prompts(
              ImmutableList.of(""), model, model.maxPromptTokens(tokens), console);
      if (out == null) {
        print(model, prompts, sampling, console, () -> false);
        return 0;
      }
      try (Run run = Run.open(spec, out, options.display())) {
        run.directory()
            .jsonLines("samples.jsonl", print(model, prompts, sampling, console, run::stopped));
      }
      return 0;
    }
  }

  private LanguageModel model() {
    LanguageModel base = weights.languageModel(policy);
    return adapter == null ? base : base.withAdapter(adapter);
  }

  /** Prints the texts, and gives them as the lines of a file; fewer if it is stopped. */
  private List<ImmutableMap<String, String>> print(
      LanguageModel model,
      List<Prompt> prompts,
      SamplingConfig sampling,
      Console console,
      BooleanSupplier stopped) {
    List<ImmutableMap<String, String>> lines = new ArrayList<>();
    for (Prompt prompt : prompts) {
      if (stopped.getAsBoolean()) {
        break;
      }
      for (Response response : responses(model.policy(), prompt, sampling)) {
        String before = model.codec().text(prompt);
        String text = model.codec().text(prompt, response);
        console.print(before + text);
        lines.add(ImmutableMap.of("prompt", before, "text", text));
      }
    }
    return lines;
  }

  private int newTokens(LanguageModel model) {
    int half = model.policy().config().maxPositions() / 2;
    return maxNewTokens == null ? Math.min(DEFAULT_TOKENS, half) : maxNewTokens;
  }

  private ImmutableList<Response> responses(
      TransformerPolicy model, Prompt prompt, SamplingConfig sampling) {
    if (greedy) {
      return model.greedy(ImmutableList.of(prompt), sampling);
    }
    return model
        .withTemperature(temperature)
        .generate(ImmutableList.of(prompt), count, sampling, new SplittableRandom(options.seed()))
        .responses();
  }
}
