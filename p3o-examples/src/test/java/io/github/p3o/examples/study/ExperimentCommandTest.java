package io.github.p3o.examples.study;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.examples.Cli;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code p3o experiment --small} on the task that needs no data. */
class ExperimentCommandTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[] METHODS = {"ppo", "online-dpo", "p3o-v1", "p3o-v2"};

  @TempDir private static Path directory = Path.of("");

  private static Cli first = new Cli(1, "", "");

  private static Cli experiment(String more) {
    return Cli.run("experiment --small --out %s --data none " + more, directory.resolve("study"));
  }

  @BeforeAll
  static void comparesTheMethods() {
    first = experiment("").succeeds();
  }

  @Test
  void experiment_withoutData_skipsItsTasksWithAMessage() {
    assertThat(first.err())
        .contains("stories: skipped, as there is no none/stories260k")
        .contains("hh: skipped, as there is no none/stories260k");
  }

  @Test
  void experiment_leavesTablesFrontiersAndCells() throws IOException {
    Path study = directory.resolve("study");
    assertThat(first.out()).contains(METHODS).contains("grammar: ", "SFT", "results.md");
    assertThat(Files.readString(study.resolve("results.md")))
        .contains("## Task: grammar", "Dominance", "| p3o-v2 |", "wins over SFT")
        .doesNotContain("NaN");
    JsonNode description = JSON.readTree(study.resolve("study.json").toFile());
    JsonNode grammar = description.path("tasks").path("grammar");
    assertThat(description.path("small").asBoolean()).isTrue();
    assertThat(grammar.path("chosen").path("p3o-v1").path("lr").asText()).isEqualTo("0.001");
    assertThat(grammar.path("seeds")).hasSize(2);
    JsonNode frontier = JSON.readTree(study.resolve("tasks/grammar/frontier.json").toFile());
    assertThat(frontier.path("points")).hasSize(4 * 2 * 3);
    assertThat(frontier.path("bands")).hasSize(4);
    assertThat(study.resolve("tasks/grammar/frontier.csv")).isNotEmptyFile();
    assertThat(study.resolve("tasks/grammar/frontier.png")).isNotEmptyFile();
    for (String method : METHODS) {
      Path cell = study.resolve("cells/grammar/" + method + "/1");
      assertThat(Files.readAllLines(cell.resolve("points.jsonl"))).hasSize(3);
      assertThat(Files.readAllLines(cell.resolve("samples.jsonl"))).hasSize(8);
      assertThat(Files.readString(cell.resolve("metrics.jsonl"))).contains("\"objective/kl\"");
    }
  }

  @Test
  void experiment_givenAgain_doesNothingAgain() throws IOException {
    Path cell = directory.resolve("study/cells/grammar/ppo/0/points.jsonl");
    Object before = Files.getLastModifiedTime(cell);

    Cli again = experiment("").succeeds();

    assertThat(again.out()).isEqualTo(first.out());
    assertThat(again.err()).doesNotContain("more to do now");
    assertThat(Files.getLastModifiedTime(cell)).isEqualTo(before);
  }

  @Test
  void ablate_variesOneThing_onTheSameStudy() throws IOException {
    Cli ablation = experiment("--ablate responses").succeeds();

    assertThat(ablation.err()).doesNotContain("search/").contains("ablations/responses/");
    assertThat(ablation.out()).contains("responses: k responses to each prompt", ", k 4", ", k 8");
    assertThat(Files.readString(directory.resolve("study/results.md")))
        .contains("## Task: grammar", "## Ablation: responses");
  }

  @Test
  void stress_distortsTheRewardOfEveryMethod() throws IOException {
    experiment("--stress").succeeds();

    String results = Files.readString(directory.resolve("study/results.md"));
    assertThat(results).contains("## Stress", "| tanh(reward) | ppo | 1 |");
    // clean, stressed, fall of the one seed: what sees differences alone is the same run again
    assertThat(results)
        .containsPattern(
            "\\Q| + d(prompt), uniform in [-10, 10] | p3o-v2 | 1 |\\E (-?\\d\\.\\d{3}) \\| \\1 \\|"
                + " 0\\.000 ");
  }

  @Test
  void experiment_withAnotherSeed_isAnotherStudy() {
    experiment("--seed 3").failsWith(2, "--out: expected seed 0 as when the study", "got 3");
  }

  @Test
  void experiment_withTwoWishes_isRefused() {
    experiment("--stress --ablate beta")
        .failsWith(2, "--ablate, --stress: expected at most one of them, got both");
  }
}
