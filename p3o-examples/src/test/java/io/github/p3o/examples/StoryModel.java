package io.github.p3o.examples;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.Lists;
import io.github.p3o.examples.quickstart.StoryGrammar;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A language model as small as can be, made by {@code p3o sft}.
 *
 * @param sft the command that made it
 * @param model a directory for {@code --policy}
 * @param data the stories that it learned, a file for {@code --data}
 */
public record StoryModel(Cli sft, Path model, Path data) {

  /** Learns some stories. */
  public static StoryModel in(Path directory) throws IOException {
    Path data = stories(directory, 60);
    Path run = directory.resolve("sft");
    Cli sft =
        Cli.run(
            "sft --data %s --tokenizer words --layers 1 --width 16 --heads 2 --context 40 --steps"
                + " 30 --batch 16 --learning-rate 0.01 --out %s",
            data, run);
    return new StoryModel(sft.succeeds(), run.resolve("model"), data);
  }

  /** {@code p3o align} by one step of four prompts. */
  public static Cli alignBriefly(Path model, Path out, String more, Object... values) {
    return Cli.run(
        "align --policy %s --out %s --reward sentiment --steps 1 --prompts-per-step 4"
            + " --evaluation-prompts 8 "
            + more,
        Lists.asList(model, out, values).toArray());
  }

  /** Writes stories, each to another prompt. */
  static Path stories(Path directory, int count) throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    List<String> lines = new ArrayList<>();
    for (String prompt : StoryGrammar.prompts().subList(0, count)) {
      lines.add(
          new ObjectMapper()
              .createObjectNode()
              .put("prompt", prompt)
              .put("completion", " " + StoryGrammar.story(prompt, random))
              .toString());
    }
    return Files.write(directory.resolve("stories.jsonl"), lines);
  }
}
