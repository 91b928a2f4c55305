package io.github.p3o.examples.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.examples.Cli;
import io.github.p3o.examples.StoryModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code p3o reward}. */
class RewardCommandTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    model = StoryModel.in(directory).model();
  }

  @Test
  void reward_ofAFile_countsWhatItTruncates() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      lines
          .append("{\"prompt\": \"one day the little dog ")
          .append("big ".repeat(i))
          .append("\", \"chosen\": \" he smiled .\", \"rejected\": \" he cried .\"}\n");
    }
    Path data = Files.writeString(directory.resolve("pairs.jsonl"), lines.toString());

    Cli reward =
        Cli.run(
            "reward --policy %s --data %s --max-tokens 16 --held-out 0.4 --steps 2 --out %s",
            model, data, directory.resolve("reward2"));

    reward.succeeds();
    assertThat(reward.err()).contains("13 of 20 comparisons truncated from the left to 16 tokens");
    assertThat(reward.out()).contains("unknown");
  }

  /** One comparison an update: its loss is that of its two rewards. */
  @Test
  void reward_withMarginAndCenter_minimisesThatObjective() throws IOException {
    Path out = directory.resolve("reward-margin");
    Cli.run(
            "reward --policy %s --sample-pairs 40 --gold cheerful --max-new-tokens 8 --batch 1"
                + " --steps 6 --learning-rate 0.05 --margin 0.75 --center 2 --out %s",
            model, out)
        .succeeds();

    List<JsonNode> steps = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("metrics.jsonl"))) {
      JsonNode step = JSON.readTree(line);
      if (step.path("stage").asText().equals("reward")) {
        steps.add(step);
      }
    }
    assertThat(steps).hasSize(6);
    for (JsonNode step : steps) {
      double chosen = step.path("rewards/chosen").asDouble();
      double rejected = step.path("rewards/rejected").asDouble();
      double sum = chosen + rejected;
      assertThat(step.path("loss").asDouble())
          .isCloseTo(Math.log1p(Math.exp(rejected - chosen + 0.75)) + 2 * sum * sum, within(1e-9));
    }
    JsonNode last = steps.get(5);
    assertThat(last.path("rewards/chosen").asDouble() + last.path("rewards/rejected").asDouble())
        .isNotZero(); // so that the centering counts
  }

  @Test
  void reward_ofSummaries_readsTldrComparisons() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      lines.append(
          String.format(
              Locale.ROOT,
              "{\"info\": {\"subreddit\": \"s\", \"title\": \"t\", \"post\": \"one day %d\"},"
                  + " \"summaries\": [{\"text\": \" the dog\"}, {\"text\": \" he\"}],"
                  + " \"choice\": %d}%n",
              i,
              i % 2));
    }
    Path data = Files.writeString(directory.resolve("tldr.jsonl"), lines.toString());

    Cli.run(
            "reward --policy %s --data %s --data-format tldr --held-out 0.4 --steps 1 --out %s",
            model, data, directory.resolve("tldr"))
        .succeeds();
  }
}
