package io.github.p3o.examples.evidence;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.examples.language.LanguageModel;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleBiFunction;

/**
 * Scores texts by a known preference or a trained reward model. The model reads a text by its own
 * tokenizer, whoever wrote it, as an answer that ended.
 *
 * @param scorer of a prompt and an answer
 * @param closing what frees the model
 */
record TextReward(ToDoubleBiFunction<String, String> scorer, Runnable closing)
    implements AutoCloseable {

  /** Refuses what {@link #open} will refuse, without the weights. */
  static void check(String name) {
    if (gold(name).isEmpty()) {
      DecoderConfig.read(directory(name));
    }
  }

  private static Optional<Gold> gold(String name) {
    return Arrays.stream(Gold.values())
        .filter(gold -> gold.toString().equals(Ascii.toLowerCase(name)))
        .findAny();
  }

  private static Path directory(String name) {
    Path directory = Path.of(name);
    if (!Files.isDirectory(directory)) {
      throw new UsageException(
          "--judge: expected a directory or one of "
              + Arrays.toString(Gold.values())
              + ", got "
              + name);
    }
    return directory;
  }

  /** A known preference by its name, or a trained model by its directory. */
  static TextReward open(String name) {
    return gold(name)
        .map(gold -> new TextReward((prompt, text) -> gold.score(text), () -> {}))
        .orElseGet(() -> ofModel(directory(name)));
  }

  private static TextReward ofModel(Path directory) {
    TransformerRewardModel model = TransformerRewardModel.load(directory);
    Tokenizer tokenizer = LanguageModel.tokenizer(directory, model.config());
    TextCodec codec = new TextCodec(tokenizer);
    Map<List<String>, Double> scored = new HashMap<>(); // each is compared with several others
    return new TextReward(
        (prompt, text) ->
            scored.computeIfAbsent(
                List.of(prompt, text),
                key ->
                    model
                        .score(
                            ImmutableList.of(codec.prompt(prompt)),
                            ImmutableList.of(codec.response(prompt, text)))[0]),
        () -> {
          model.close();
          tokenizer.close();
        });
  }

  double score(String prompt, String text) {
    return scorer.applyAsDouble(prompt, text);
  }

  @Override
  public void close() {
    closing.run();
  }
}
