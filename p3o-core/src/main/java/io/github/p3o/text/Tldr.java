package io.github.p3o.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Posts and their summaries, as OpenAI's "Learning to summarize from human feedback" has them. */
final class Tldr {

  private Tldr() {}

  /** The prompt of the paper (arXiv 2009.01325, table 14). */
  static String prompt(JsonNode post) throws MalformedLineException {
    return "SUBREDDIT: r/"
        + Fields.text(post, "subreddit")
        + "\n\nTITLE: "
        + Fields.text(post, "title")
        + "\n\nPOST: "
        + Fields.text(post, "post")
        + "\n\nTL;DR:";
  }

  /** {@code info}, two {@code summaries}, and the index of the better one in {@code choice}. */
  static Preference comparison(ObjectNode line) throws MalformedLineException {
    JsonNode summaries = line.path("summaries");
    JsonNode choice = line.path("choice");
    if (!summaries.isArray() || summaries.size() != 2) {
      throw new MalformedLineException("summaries: expected a list of two");
    }
    if (!choice.isInt() || choice.intValue() < 0 || choice.intValue() > 1) {
      throw new MalformedLineException("choice: expected a number, 0 or 1");
    }
    String prompt;
    try {
      prompt = prompt(line.path("info"));
    } catch (MalformedLineException e) {
      throw new MalformedLineException("info." + e.getMessage());
    }
    return new Preference(
        prompt,
        spaced(Fields.text(summaries.path(choice.intValue()), "text")),
        spaced(Fields.text(summaries.path(1 - choice.intValue()), "text")));
  }

  /** {@code subreddit}, {@code title}, {@code post} and {@code summary}. */
  static Completion completion(ObjectNode line) throws MalformedLineException {
    return new Completion(prompt(line), spaced(Fields.text(line, "summary")));
  }

  /** A summary follows the colon after one space, which some files hold and some do not. */
  private static String spaced(String summary) {
    return summary.startsWith(" ") ? summary : " " + summary;
  }
}
