package io.github.p3o.examples.supervised;

import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toSet;

import com.google.common.base.CharMatcher;
import com.google.common.base.Splitter;
import com.google.common.collect.ContiguousSet;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedSet;
import com.google.common.collect.Lists;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.examples.language.FreezeOptions;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.language.LineOptions;
import io.github.p3o.examples.language.LoraOptions;
import io.github.p3o.examples.language.SplitPrompts;
import io.github.p3o.examples.language.TokenFile;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.run.CheckpointOptions;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.GivenOptions;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunOptions;
import io.github.p3o.examples.run.Saving;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.Completion;
import io.github.p3o.text.CompletionFormat;
import io.github.p3o.text.DataSetReader;
import io.github.p3o.text.DataSets;
import io.github.p3o.text.TokenStatistics;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.train.Example;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code p3o sft}. */
@Command(
    name = "sft",
    header = "Trains a language model on given texts.",
    description = {
      "",
      "The data are lines of {\"prompt\": ..., \"completion\": ...}, with no loss on the prompt, or"
          + " of {\"text\": ...}; --data-format has others. The result is DIR/model, a Hugging Face"
          + " directory; of a low-rank adapter also DIR/adapter, which PEFT reads and p3o generate"
          + " --adapter takes."
    },
    footer = {
      "  p3o sft --policy DIR --data answers.jsonl --learning-rate 1e-4",
      "  p3o sft --policy DIR --data answers.jsonl --lora-rank 8",
      "  p3o sft --tokenizer words --data stories.jsonl --layers 2 --width 64"
    })
public final class SftCommand implements Callable<Integer> {

  private static final Splitter WORDS = Splitter.on(CharMatcher.whitespace()).omitEmptyStrings();

  /** Which a model that has learned has already. */
  private static final Set<String> OF_NEW_MODELS =
      Sets.union(GivenOptions.namesOf(new SizeOptions()), ImmutableSet.of("--tokenizer"));

  @Mixin private final RunOptions options = new RunOptions();
  @Mixin private final LineOptions lines = new LineOptions();
  @Mixin private final SizeOptions sizes = new SizeOptions();
  @Mixin private final OptimizerOptions optimizer = new OptimizerOptions();
  @Mixin private final LoraOptions lora = new LoraOptions();
  @Mixin private final FreezeOptions freezing = new FreezeOptions();
  @Mixin private final CheckpointOptions checkpoints = new CheckpointOptions();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "Texts to learn, a JSONL file (.gz too).")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path data;

  @Option(
      names = "--policy",
      paramLabel = "DIR",
      description = "The model to go on with; without it a new one is made.")
  private @Nullable Path policy;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR|NAME",
      defaultValue = "bytes",
      description = "Of a new model: bytes, words (of the data), or a directory (default: bytes).")
  private String tokenizer = "bytes";

  @Option(
      names = "--data-format",
      paramLabel = "FORMAT",
      defaultValue = "TEXT",
      description =
          "Of --data: text (prompt and completion, or text), messages or tldr (default: text).")
  private CompletionFormat format = CompletionFormat.TEXT;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "500",
      description = "Updates (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "32",
      description = "Texts an update (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--micro-batch",
      paramLabel = "N",
      defaultValue = "64",
      description = "Texts computed at once; bounds the memory (default: ${DEFAULT-VALUE}).")
  private int microBatch;

  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "0.1",
      description = "Of the texts, to measure on (default: ${DEFAULT-VALUE}).")
  private double heldOut;

  @Spec
  @SuppressWarnings("NullAway.Init") // set by picocli
  private CommandSpec spec;

  @Override
  public Integer call() {
    Checks.atLeast("--steps", 1, steps);
    Checks.atLeast("--batch", 1, batch);
    Checks.atLeast("--micro-batch", 1, microBatch);
    Checks.share("--held-out", heldOut);
    OptimizerConfig updates = optimizer.config(steps);
    if (policy != null) {
      GivenOptions.refuse(
          spec, OF_NEW_MODELS, "without --policy, a model that has these already, got it too");
    }
    checkAdapter();
    LanguageModel.Sizes ofNew = sizes.sizes();
    // A file that cannot be read is named before there is a run directory.
    ImmutableSortedSet<String> words = words();
    try (Run run = Run.open(spec, options, checkpoints);
        LanguageModel model =
            lora.applyTo(
                freezing.applyTo(model(ofNew, words, run.directory().resolve(LanguageModel.MODEL))),
                options.seed())) {
      List<Example> inOrder = examples(model, run.console());
      run.pin("examples", inOrder);
      List<Integer> order = new ArrayList<>(ContiguousSet.closedOpen(0, inOrder.size()));
      Collections.shuffle(order, new Random(options.seed()));
      int held = heldOutFirst(order, inOrder);
      List<Example> examples = Lists.transform(order, inOrder::get);
      double[] losses =
          Sft.run(
              model.policy(),
              examples.subList(held, examples.size()),
              examples.subList(0, held),
              new Sft.Settings(steps, batch, microBatch, updates, options.seed()),
              Saving.every(checkpoints.every(), "sft", run),
              run);
      if (run.interrupted()) {
        return Run.INTERRUPTED;
      }
      model.saveIn(run.directory().path());
      run.console().print(result(losses, held));
      run.console().print("Model: " + run.directory().resolve(LanguageModel.MODEL));
      if (policy != null) {
        lora.result(policy, run.directory().path()).ifPresent(run.console()::print);
      }
      RunReport.write(
          run,
          new RunReport.About(
              "Supervised fine-tuning",
              "A language model learned given texts. " + result(losses, held),
              "reward",
              0));
      return 0;
    }
  }

  private void checkAdapter() {
    lora.check();
    if (lora.isWanted() && policy == null) {
      throw new UsageException(
          (lora.isNew() ? "--lora-rank" : "--adapter")
              + ": expected with --policy, a model that has learned, got a new one");
    }
    freezing.check(lora.isWanted());
  }

  /**
   * Moves what is held out to the front, all texts of a prompt or none, and counts it. The tokens
   * of the prompt tell them apart; a text without a prompt stands for itself.
   */
  private int heldOutFirst(List<Integer> order, List<Example> examples) {
    long[] keys = examples.stream().mapToLong(SftCommand::key).toArray();
    Set<Long> all = order.stream().map(i -> keys[i]).collect(toCollection(LinkedHashSet::new));
    int count = Math.min(all.size() - 1, (int) Math.round(heldOut * all.size()));
    Set<Long> chosen = all.stream().limit(count).collect(toSet());
    order.sort(Comparator.comparing(i -> !chosen.contains(keys[i])));
    return (int) order.stream().filter(i -> chosen.contains(keys[i])).count();
  }

  private static long key(Example example) {
    ImmutableIntArray prompt = example.prompt().tokens();
    return SplitPrompts.hash(prompt.length() > 1 ? prompt : example.response().tokens());
  }

  private static String result(double[] losses, int held) {
    return held == 0
        ? "No held-out texts to measure on."
        : String.format(
            Locale.ROOT,
            "Held-out loss on %d texts: %.3f -> %.3f nats/token",
            held,
            losses[0],
            losses[1]);
  }

  /** The texts, one after another; a model's own template is among its tokenizer's files. */
  private void forEachText(Path tokenizerDirectory, Consumer<Completion> texts) {
    try (DataSetReader<Completion> reader =
        DataSets.completions(data, format, lines.template(tokenizerDirectory), lines.malformed())) {
      reader.forEachRemaining(texts);
    }
  }

  /** Reads all texts, and keeps their words if these are to be the new model's tokens. */
  private ImmutableSortedSet<String> words() {
    boolean wanted = policy == null && tokenizer.equals("words");
    ImmutableSortedSet.Builder<String> words = ImmutableSortedSet.naturalOrder();
    forEachText(
        policy != null ? policy : Path.of(tokenizer),
        text -> {
          if (wanted) {
            words.addAll(WORDS.split(text.prompt() + text.completion()));
          }
        });
    return words.build();
  }

  private LanguageModel model(
      LanguageModel.Sizes ofNew, ImmutableSortedSet<String> words, Path directory) {
    if (policy != null) {
      return LanguageModel.load(policy);
    }
    return switch (tokenizer) {
      case "bytes" -> LanguageModel.untrained(ofNew, Tokenizers.bytes(), directory, options.seed());
      case "words" -> {
        Tokenizers.writeWordLevel(directory, words);
        yield fromDirectory(ofNew, directory);
      }
      default -> fromDirectory(ofNew, Path.of(tokenizer));
    };
  }

  private LanguageModel fromDirectory(LanguageModel.Sizes ofNew, Path directory) {
    return LanguageModel.untrained(
        ofNew, Tokenizers.huggingFace(directory), directory, options.seed());
  }

  private List<Example> examples(LanguageModel model, Console console) {
    TokenStatistics statistics = new TokenStatistics(model.policy().config().maxPositions());
    List<Example> examples = TokenFile.ofExamples();
    forEachText(model.tokenizerDirectory(), text -> examples.add(example(text, model, statistics)));
    console.note("texts: " + statistics);
    return examples;
  }

  private Example example(Completion text, LanguageModel model, TokenStatistics statistics) {
    int context = model.policy().config().maxPositions();
    Prompt prompt = model.codec().prompt(text.prompt());
    Response response = model.codec().response(text.prompt(), text.completion());
    int room = context - prompt.tokens().length();
    if (room < 1) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "%s: expected prompts of at most %d tokens, as the context has %d, got %d",
              data,
              context - 1,
              context,
              prompt.tokens().length()));
    }
    statistics.add(prompt.tokens().length() + response.length());
    return new Example(
        prompt,
        response.length() > room
            ? new Response(response.tokens().subArray(0, room), false)
            : response);
  }
}
