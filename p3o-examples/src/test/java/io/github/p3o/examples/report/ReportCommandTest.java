package io.github.p3o.examples.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.examples.Cli;
import io.github.p3o.examples.PageCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jsoup.nodes.Document;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {

  @TempDir private Path directory = Path.of("");

  private void write(String name, String text) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private Document page() throws IOException {
    Document page = PageCheck.parse(Files.readString(directory.resolve("report.html")));
    PageCheck.isSelfContained(page);
    return page;
  }

  @Test
  void report_ofARun_isMadeOfItsFiles() throws IOException {
    write(
        "run.json",
        """
        {"command": "p3o align", "options": {"--seed": "7", "--gold": ""}, "seconds": 12.5,
         "trainer": {"seed": 7}, "environment": {"java": "Some 17"},
         "report": {"title": "Alignment <b>", "text": "About it.", "judge": "cheerful", "samples": 1}}
        """);
    write(
        "metrics.jsonl",
        """
        {"stage":"p3o-v1-seed0-held-out","step":0,"eval/kl":0,"eval/gold":0.1,"eval/reward":1}
        {"stage":"p3o-v1-seed0","step":0,"objective/kl":0.1,"objective/scores":"NaN"}
        {"stage":"p3o-v1-seed0","step":1,"objective/kl":0.3}
        {"stage":"p3o-v1-seed0-alarm","step":1,"alarm":"KL_SPIKE","message":"KL_SPIKE: <i>too much</i>"}
        {"stage":"p3o-v1-seed0-held-out","step":2,"eval/kl":2,"eval/gold":0.5,"eval/reward":2}
        {"stage":"p3o-v1-seed1-held-out","step":0,"eval/kl":0,"eval/gold":0.1,"eval/reward":1}
        {"stage":"p3o-v1-seed1-held-out","step":2,"eval/kl":3,"eval/gold":0.7,"eval/reward":2}
        {"stage":"p3o-v1-seed1","step":0,"objective/kl":0.5}
        {"stage":"p3o-v1-seed1","step":1,"objective/kl":0.5}
        {"stage":"p3o-v1-seed1","step":1,"objec\
        """);
    write(
        "samples.jsonl",
        """
        {"prompt": "Hello", "before": "<u>", "p3o-v1": "b"}
        {"prompt": "Second"}
        """);
    write(
        "tables.json",
        """
        [{"heading": "Before and after", "header": ["policy", "gold"],
          "rows": [["before", "0.1"]], "note": "a note"}]
        """);
    write(
        "tournament.json",
        """
        {"players": ["before", "p3o-v1"], "prompts": 4, "distinctPrompts": 2,
         "note": "Of seed 7 alone.", "tables": [{"judge": "gold",
          "pairings": [{"player": "before", "opponent": "p3o-v1", "wins": 1, "ties": 0, "losses": 3,
            "invalid": 0, "winRate": {"value": 0.25, "low": 0.1, "high": 0.5}}],
          "ranking": [{"rank": 1, "player": "p3o-v1", "strength": {"value": 1, "low": 0.5, "high": 2}},
            {"rank": 2, "player": "before", "strength": {"value": null, "low": null, "high": null}}],
          "conduct": {"asked": 8, "first": 4, "second": 4, "ties": 0, "invalid": 0,
            "consistency": 1, "positionBias": {"value": 0, "low": 0, "high": 0}}}],
         "agreements": [{"judge": "a", "other": "b", "games": 4, "raw": 1, "kappa": "NaN"}]}
        """);

    Cli.run("report %s", directory).succeeds();

    Document page = page();
    assertThat(page.select("h1").text()).isEqualTo("Alignment <b>");
    assertThat(page.select("h2").eachText())
        .containsExactly(
            "Before and after",
            "Tournament",
            "Reward against KL, over training",
            "Samples on the same prompts",
            "Training",
            "Health",
            "How it was made");
    assertThat(page.select("td.w3").text()).isEqualTo("25.0 % 10.0 to 50.0");
    assertThat(page.select("td.w8").text()).isEqualTo("75.0 % 50.0 to 90.0");
    assertThat(page.select("tr").eachText())
        .contains("1 p3o-v1 1.000 0.500 to 2.000", "2 before none none");
    assertThat(page.select("p").eachText())
        .anyMatch(
            text -> text.endsWith("On 4 prompts, 2 of them different, which intervals are over."))
        .filteredOn("Of seed 7 alone."::equals)
        .hasSize(2); // of the tournament, and of the samples
    // KL and gold are means over the two seeds
    assertThat(page.select("circle title").eachText()).contains("2.500, 0.6000", "0.000, 0.1000");
    assertThat(page.select("div.sample")).hasSize(1);
    assertThat(page.select("div.sides bdi").eachText()).containsExactly("<u>", "b");
    assertThat(page.select("table.words").text())
        .contains(" KL_SPIKE: <i>too much</i>", "--seed 7", "Some 17")
        .doesNotContain("KL_SPIKE: KL_SPIKE")
        .doesNotContain("--gold");

    Cli.run("report %s --show-samples 0", directory).succeeds();
    assertThat(page().select("div.sample")).isEmpty();
  }

  @Test
  void report_ofAStudy_hasItsTablesAndFrontiers() throws IOException {
    write(
        "study.json",
        "{\"environment\": {\"java\": \"17\"}, \"tasks\": {\"grammar\": {\"judge\": \"gold\"}}}");
    write(
        "results.md",
        """
        # Results of the study

        ## Task: grammar

        Stories of a <generated> language.

        **At the end**

        | policy | reward |
        |---|---:|
        | SFT | 0.1 |
        | p3o-v1 | 0.7 |

        ## Stress
        """);
    write(
        "tasks/grammar/frontier.json",
        """
        {"bands": {"p3o-v1": [{"kl": 0, "mean": 0.1, "low": 0.1, "high": 0.1},
          {"kl": 1, "mean": 0.4, "low": 0.3, "high": 0.5}, {"kl": 2, "mean": null}],
          "ppo": [{"kl": 0, "mean": 0.1, "low": null, "high": null}]}}
        """);

    Cli.run("report %s", directory).succeeds();

    Document page = page();
    assertThat(page.select("h2").eachText())
        .containsExactly("Task: grammar", "Stress", "How it was made");
    assertThat(page.select("h3").text()).isEqualTo("At the end");
    assertThat(page.select("tbody tr").eachText()).startsWith("SFT 0.1", "p3o-v1 0.7");
    assertThat(page.select("figure svg path")).isNotEmpty();
    assertThat(page.select("ul.legend li").eachText()).containsExactly("p3o-v1", "ppo");
    assertThat(page.select("p").text()).contains("Stories of a <generated> language.");
  }

  @Test
  void report_ofAnotherDirectory_isRefused() {
    Cli.run("report %s", directory)
        .failsWith(
            2, "DIR: expected the directory of a run or a study, with a run.json or study.json");
  }

  @Test
  void report_ofADamagedFile_namesIt() throws IOException {
    write("run.json", "{");
    Cli.run("report %s", directory).failsWith(2, "run.json: expected JSON, got ");
  }
}
