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

/** {@code p3o sft}. */
class SftCommandTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");
  private static Path data = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    StoryModel made = StoryModel.in(directory);
    assertThat(made.sft().out()).contains("Held-out loss on 6 texts");
    assertThat(made.sft().err()).contains("sft").contains("30/30");
    model = made.model();
    data = made.data();
  }

  @Test
  void sft_leavesARunDirectory() throws IOException {
    assertThat(model)
        .isDirectoryContaining("glob:**config.json")
        .isDirectoryContaining("glob:**model.safetensors")
        .isDirectoryContaining("glob:**tokenizer.json");
    JsonNode run = JSON.readTree(directory.resolve("sft/run.json").toFile());
    assertThat(run.path("command").asText()).isEqualTo("p3o sft");
    assertThat(run.path("options").path("--seed").asText()).isEqualTo("0");
    assertThat(run.path("environment").path("nd4j").asText()).isEqualTo("1.0.0-M1.1");
    assertThat(run.path("seconds").asDouble()).isPositive();
    assertThat(Files.readAllLines(directory.resolve("sft/metrics.jsonl"))).hasSize(31);
  }

  @Test
  void sft_ofBytes_goesOnWithItsOwnResult() throws IOException {
    Path data = Files.writeString(directory.resolve("texts.jsonl"), "{\"text\": \"abab\"}\n");
    Path first = directory.resolve("bytes");
    Path second = directory.resolve("bytes2");

    Cli.run("sft --data %s --width 16 --heads 2 --steps 2 --out %s", data, first).succeeds();
    Cli.run("sft --data %s --policy %s --steps 2 --out %s", data, first.resolve("model"), second)
        .succeeds();

    Cli.run("generate --policy %s --max-new-tokens 5", second.resolve("model")).succeeds();
  }

  @Test
  void sft_ofFewTextsAtOnce_learnsTheSameUpToRounding() throws IOException {
    List<Double> losses = new ArrayList<>();
    for (int atOnce : new int[] {1, 64}) {
      Path out = directory.resolve("at-once-" + atOnce);
      Cli.run(
              "sft --data %s --policy %s --steps 3 --batch 8 --micro-batch %s --out %s",
              data, model, atOnce, out)
          .succeeds();
      List<String> lines = Files.readAllLines(out.resolve("metrics.jsonl"));
      losses.add(JSON.readTree(lines.get(lines.size() - 1)).path("loss").asDouble());
    }
    assertThat(losses.get(0)).isPositive().isCloseTo(losses.get(1), within(1e-4));
  }

  @Test
  void sft_ofMessagesByTheModelsTemplate_writesThemSo() throws IOException {
    Path data =
        Files.writeString(
            directory.resolve("messages.jsonl"),
            """
            {"messages": [{"role": "user", "content": "the big dog"},
             {"role": "assistant", "content": "smiled ."}]}
            """
                .replace("\n ", " "));
    Path start = directory.resolve("chat");
    Files.createDirectories(start);
    for (String file :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(model.resolve(file), start.resolve(file));
    }
    String sft =
        "sft --policy %s --data %s --data-format messages --chat-template model --steps 1 --batch 1"
            + " --out %s";
    Path out = directory.resolve("chat-out");
    Cli.run(sft, start, data, out).failsWith(2, "--chat-template: ", "expected a chat_template");

    Files.writeString(
        start.resolve("chat_template.jinja"),
        "{% for m in messages %}one day {{ m.content }} {% endfor %}"
            + "{% if add_generation_prompt %}one day {% endif %}");
    assertThat(Cli.run(sft, start, data, out).succeeds().err()).contains("1 sequences, 10 tokens");
    assertThat(out.resolve("model/chat_template.jinja")).exists();
  }

  @Test
  void sft_ofMessages_holdsOutWholePrompts() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      lines.append(
          String.format(
              Locale.ROOT,
              "{\"messages\": [{\"role\": \"user\", \"content\": \"q%d\"},"
                  + " {\"role\": \"assistant\", \"content\": \"a%d\"}]}%n",
              i / 3,
              i));
    }
    Path data = Files.writeString(directory.resolve("messages.jsonl"), lines.toString());

    Cli sft =
        Cli.run(
            "sft --data %s --data-format messages --chat-template chatml --width 16 --heads 2"
                + " --held-out 0.25 --steps 1 --out %s",
            data, directory.resolve("messages"));

    sft.succeeds();
    assertThat(sft.err()).contains("texts: 12 sequences, ", ", 0 cut to ");
    assertThat(sft.out()).contains("Held-out loss on 3 texts");
  }
}
