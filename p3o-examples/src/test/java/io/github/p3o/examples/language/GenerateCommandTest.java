package io.github.p3o.examples.language;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.examples.Cli;
import io.github.p3o.examples.StoryModel;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code p3o generate}. */
class GenerateCommandTest {

  @TempDir private static Path directory = Path.of("");

  private static Path model = Path.of("");

  @BeforeAll
  static void trainsALanguageModel() throws IOException {
    model = StoryModel.in(directory).model();
  }

  @Test
  void generate_withSeed_repeatsItself() {
    String command = "generate --policy %s --prompt %s --count 2 --seed 5 --max-new-tokens 20";
    String prompt = "one day the little dog";

    Cli first = Cli.run(command, model, prompt).succeeds();

    assertThat(first.out()).startsWith(prompt + " ");
    assertThat(first.out().lines()).hasSize(2);
    assertThat(Cli.run(command, model, prompt).out()).isEqualTo(first.out());
  }

  @Test
  void generate_withTruncation_obeysIt() {
    Cli.run(
            "generate --policy %s --prompt %s --top-k 3 --top-p 0.9 --min-p 0.1"
                + " --repetition-penalty 1.2 --min-new-tokens 2 --max-new-tokens 20",
            model, "one day the little dog")
        .succeeds();
    Cli likeliest = Cli.run("generate --policy %s --top-k 1 --seed 3", model).succeeds();
    assertThat(likeliest.out())
        .isEqualTo(Cli.run("generate --policy %s --greedy", model).succeeds().out());
    String prompt = "one day the little dog";
    String whole =
        Cli.run("generate --policy %s --prompt %s --greedy", model, prompt).succeeds().out();
    String word = whole.substring(prompt.length()).strip().split(" ", -1)[1];
    Cli stopped =
        Cli.run("generate --policy %s --prompt %s --greedy --stop %s", model, prompt, word);
    assertThat(whole).startsWith(stopped.succeeds().out().strip());
    assertThat(stopped.out().strip()).endsWith(word);
    assertThat(stopped.out().length()).isLessThan(whole.length());
  }
}
