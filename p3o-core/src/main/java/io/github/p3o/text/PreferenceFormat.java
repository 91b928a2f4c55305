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
    Preference parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
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
    Preference parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Dialogues.split(Fields.text(line, "chosen"), Fields.text(line, "rejected"));
    }
  },

  /**
   * {@code {"prompt": […], "chosen": […], "rejected": […]}}, lists of messages {@code {"role": …,
   * "content": …}}, written by a chat template; {@code prompt} may be absent if it is part of both.
   * The prompt is what both share, up to the last answer of the assistant that both begin.
   *
   * <p>TRL calls it the conversational format.
   */
  MESSAGES {
    @Override
    Preference parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Conversations.preference(line, template);
    }
  },

  /**
   * {@code {"info": {"subreddit": …, "title": …, "post": …}, "summaries": [{"text": …}, {"text":
   * …}], "choice": 0 or 1}}, the TL;DR comparisons; {@code choice} is the index of the better one.
   */
  TLDR_COMPARISONS {
    @Override
    Preference parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Tldr.comparison(line);
    }
  };

  /** The preference in a line. */
  abstract Preference parse(ObjectNode line, ChatTemplate template) throws MalformedLineException;
}
