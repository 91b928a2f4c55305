package io.github.p3o.text;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** How a line of a data set to imitate, one JSON object, spells a {@link Completion}. */
public enum CompletionFormat {

  /**
   * {@code {"prompt": …, "completion": …}} or, for texts without a prompt, {@code {"text": …}};
   * texts that are taken as they are.
   */
  TEXT {
    @Override
    Completion parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return line.has("text")
          ? new Completion("", Fields.text(line, "text"))
          : new Completion(Fields.text(line, "prompt"), Fields.text(line, "completion"));
    }
  },

  /**
   * {@code {"messages": […]}} or {@code {"prompt": […], "completion": […]}}, lists of messages
   * {@code {"role": …, "content": …}}, written by a chat template. The assistant's last message is
   * imitated.
   */
  MESSAGES {
    @Override
    Completion parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Conversations.completion(line, template);
    }
  },

  /** {@code {"subreddit": …, "title": …, "post": …, "summary": …}}, the TL;DR posts. */
  TLDR {
    @Override
    Completion parse(ObjectNode line, ChatTemplate template) throws MalformedLineException {
      return Tldr.completion(line);
    }
  };

  /** The completion in a line. */
  abstract Completion parse(ObjectNode line, ChatTemplate template) throws MalformedLineException;
}
