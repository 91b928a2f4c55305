package io.github.p3o.examples.evidence;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.examples.run.RunFiles;
import io.github.p3o.examples.run.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Prompts, and the answers of each player to them. */
record Answers(ImmutableList<String> prompts, Map<String, ? extends List<String>> players) {

  private static final String PROMPT = "prompt";

  /** The columns of a samples.jsonl. */
  static Answers read(Path file) {
    List<JsonNode> lines = RunFiles.allLines(file);
    if (lines.isEmpty()) {
      throw new UsageException(file + ": expected at least one line of JSON, got none");
    }
    ImmutableList.Builder<String> prompts = ImmutableList.builder();
    Map<String, List<String>> players = new LinkedHashMap<>();
    lines.get(0).fieldNames().forEachRemaining(name -> players.put(name, new ArrayList<>()));
    players.remove(PROMPT);
    if (players.size() < 2) {
      throw new UsageException(
          "--samples: expected at least 2 columns of answers, got " + players.keySet());
    }
    for (int i = 0; i < lines.size(); i++) {
      JsonNode line = lines.get(i);
      prompts.add(text(line, PROMPT, i));
      int index = i;
      players.forEach((name, answers) -> answers.add(text(line, name, index)));
    }
    return new Answers(prompts.build(), players);
  }

  private static String text(JsonNode line, String name, int index) {
    if (!line.path(name).isTextual()) {
      throw new UsageException(
          String.format(
              Locale.ROOT,
              "--samples, line %d, %s: expected a text, got %s",
              index + 1,
              name,
              line.path(name).getNodeType()));
    }
    return line.path(name).asText();
  }

  /** The lines of a samples.jsonl. */
  List<ImmutableMap<String, String>> lines() {
    List<ImmutableMap<String, String>> lines = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      ImmutableMap.Builder<String, String> line = ImmutableMap.builder();
      line.put(PROMPT, prompts.get(i));
      int index = i;
      players.forEach((name, texts) -> line.put(name, texts.get(index)));
      lines.add(line.buildOrThrow());
    }
    return lines;
  }
}
