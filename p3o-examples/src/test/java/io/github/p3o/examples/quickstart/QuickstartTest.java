package io.github.p3o.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.examples.PageCheck;
import io.github.p3o.examples.align.OutcomeReport;
import io.github.p3o.examples.report.RunReport;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.Run;
import io.github.p3o.examples.run.RunFiles;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole way, smaller than small. */
class QuickstartTest {

  private static final Quickstart.Scale TINY =
      new Quickstart.Scale(new GrammarModels.Scale(300, 30, 60, 5), 2, 1);

  private static Console console(StringWriter out) {
    PrintWriter writer = new PrintWriter(out);
    return new Console(writer, writer, false);
  }

  @Test
  void run_inTinySize_writesEverything(@TempDir Path directory) throws Exception {
    StringWriter out = new StringWriter();
    Path path = directory.resolve("run");
    try (Run run = Run.open(path, console(out), new LinkedHashMap<>())) {
      QuickstartResult result = new Quickstart(TINY, 0, 2, run).run();
      OutcomeReport report = new OutcomeReport(result.outcome(), run);
      report.print(2);
      report.write(new RunReport.About("Quickstart", "About it.", "gold", 2), "P3O");

      assertThat(result.outcome().before().meanKl().mean()).isBetween(-1e-4, 1e-4);
      assertThat(RunReport.frontier(new RunFiles(path)).get(0).points()).hasSize(3);
    }

    assertThat(out.toString()).contains("policy", "p3o-v1", "p3o-v2", "grammatical", "2 seeds");
    String ofOneSeed = "Answers and tournament are of the runs with seed 0 alone";
    assertThat(out.toString()).contains(ofOneSeed);
    assertThat(Files.readString(path.resolve("tournament.json"))).contains(ofOneSeed);
    String page = Files.readString(path.resolve("report.html"));
    PageCheck.isSelfContained(PageCheck.parse(page));
    assertThat(page)
        .contains("<svg", "p3o-v1", "p3o-v2", "reward model", "gold", "KL", "Tournament", ofOneSeed)
        .doesNotContain("NaN");
    assertThat(path.resolve("kl-reward.png")).isNotEmptyFile();
    assertThat(Files.readAllLines(path.resolve("samples.jsonl"))).hasSize(80);
    for (String model : new String[] {"sft", "p3o-v1-seed0", "p3o-v2-seed1", "reward"}) {
      assertThat(path.resolve(model))
          .isDirectoryContaining("glob:**model.safetensors")
          .isDirectoryContaining("glob:**tokenizer.json");
    }
  }
}
