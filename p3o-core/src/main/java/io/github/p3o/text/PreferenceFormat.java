package io.github.p3o.text;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** How a line of a preference data set, one JSON object, spells a {@link Preference}. */
public enum PreferenceFormat {

  /**
   * {@code {"prompt": …, "chosen": …, "rejected": …}}, texts that are taken as they are.
   *
   * <p>TRL calls it the standard format with an explicit prompt.
   */
  PROMPT_CHOSEN_REJECTED {
    @Override
    Preference parse(ObjectNode line) throws MalformedLineException {
      return new Preference(
          Fields.text(line, "prompt"), Fields.text(line, "chosen"), Fields.text(line, "rejected"));
    }
  },

  /**
   * {@code {"chosen": …, "rejected": …}}, whole dialogues of turns that begin with {@code
   * "\n\nHuman:"} and {@code "\n\nAssistant:"}, as in Anthropic's HH. The prompt is what both
   * share, up to the end of the last {@code "\n\nAssistant:"} that both share; the responses are
   * what follows, and may hold further turns.
   */
  HH_DIALOGUES {
    @Override
    Preference parse(ObjectNode line) throws MalformedLineException {
      return Dialogues.split(Fields.text(line, "chosen"), Fields.text(line, "rejected"));
    }
  },

  /**
   * {@code {"prompt": […], "chosen": […], "rejected": […]}}, lists of messages {@code {"role":
   * "user" or "assistant", "content": …}}; {@code prompt} may be absent if it is part of both. Read
   * as the HH dialogues that say the same: no chat template is applied.
   *
   * <p>TRL calls it the conversational format.
   */
  MESSAGES {
    @Override
    Preference parse(ObjectNode line) throws MalformedLineException {
      String prompt = line.has("prompt") ? Dialogues.of(line, "prompt") : "";
      return Dialogues.split(
          prompt + Dialogues.of(line, "chosen"), prompt + Dialogues.of(line, "rejected"));
    }
  };

  /** The preference in a line. */
  abstract Preference parse(ObjectNode line) throws MalformedLineException;
}
