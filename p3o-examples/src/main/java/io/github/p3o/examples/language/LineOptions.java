package io.github.p3o.examples.language;

import io.github.p3o.text.ChatTemplate;
import io.github.p3o.text.MalformedLines;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Options of how the lines of a file are read. */
public final class LineOptions {

  @Option(
      order = 13,
      names = "--chat-template",
      paramLabel = "NAME",
      defaultValue = "hh",
      description =
          "How messages become text: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}); model"
              + " is the model's own.")
  private Template template = Template.HH;

  @Option(
      order = 13,
      names = "--skip-malformed",
      description = "Pass over malformed lines and count them, instead of stopping.")
  private boolean skipMalformed;

  /** How lists of messages are written as text; a model's own is among its tokenizer's files. */
  public ChatTemplate template(Path tokenizerDirectory) {
    return template.of(tokenizerDirectory);
  }

  /** What becomes of lines that are not as they should be. */
  public MalformedLines malformed() {
    return skipMalformed ? MalformedLines.SKIP : MalformedLines.STOP;
  }
}
