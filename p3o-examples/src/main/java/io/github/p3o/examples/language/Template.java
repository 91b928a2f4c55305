package io.github.p3o.examples.language;

import com.google.common.base.Ascii;
import com.google.errorprone.annotations.Immutable;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.text.ChatTemplate;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** How lists of messages are written as text, by its name on the command line. */
enum Template {
  HH(directory -> ChatTemplate.HH),
  CHATML(directory -> ChatTemplate.CHATML),
  ZEPHYR(directory -> ChatTemplate.ZEPHYR),
  MODEL(Template::ofModel);

  /** Finds a template. */
  @Immutable
  private interface Origin {
    ChatTemplate of(Path tokenizerDirectory);
  }

  private final Origin origin;

  Template(Origin origin) {
    this.origin = origin;
  }

  private static ChatTemplate ofModel(Path directory) {
    try {
      return ChatTemplate.ofCheckpoint(directory);
    } catch (IllegalArgumentException | UncheckedIOException e) {
      throw new UsageException("--chat-template: " + e.getMessage());
    }
  }

  /** The template; that of a model is among its tokenizer's files. */
  ChatTemplate of(Path tokenizerDirectory) {
    return origin.of(tokenizerDirectory);
  }

  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}
