package io.github.p3o.text;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** How a line of a data set of prompts, one JSON object, spells one. Other fields may be there. */
public enum PromptFormat {

  /** {@code {"prompt": …}}, a text that is taken as it is. */
  TEXT {
    @Override
    String parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Fields.text(line, "prompt");
    }
  },

  /** {@code {"prompt": […]}}, a list of messages, written by a chat template. */
  MESSAGES {
    @Override
    String parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Conversations.prompt(line, template);
    }
  },

  /** {@code {"subreddit": …, "title": …, "post": …}}, the TL;DR posts. */
  TLDR {
    @Override
    String parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Tldr.prompt(line);
    }
  };

  /** The prompt in a line. */
  abstract String parse(ObjectNode line, ChatTemplate template) throws MalformedLineException;
}
