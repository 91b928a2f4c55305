package io.github.p3o.text;

import com.google.common.base.Strings;

/** Dialogues as Anthropic's HH data set writes them. */
final class Dialogues {

  private static final String ASSISTANT = "\n\nAssistant:";

  private Dialogues() {}

  /** The prompt that two dialogues share, and what follows it in each. */
  static Preference split(String chosen, String rejected) throws MalformedLineException {
    int shared = Strings.commonPrefix(chosen, rejected).length();
    int last = chosen.lastIndexOf(ASSISTANT, shared - ASSISTANT.length());
    if (last < 0) {
      throw new MalformedLineException(
          "chosen, rejected: expected both to begin with the same turns up to \"\\n"
              + "\\n"
              + "Assistant:\"");
    }
    int end = last + ASSISTANT.length();
    return new Preference(chosen.substring(0, end), chosen.substring(end), rejected.substring(end));
  }
}
