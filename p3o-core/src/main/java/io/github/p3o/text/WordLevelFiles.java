package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.base.CharMatcher;
import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;

/** The files of a tokenizer with one token a word. */
final class WordLevelFiles {

  private static final String UNKNOWN = "<unk>";
  private static final String BEGIN = "<s>";
  private static final String END = "</s>";

  /** Their places are their ids. */
  private static final ImmutableList<String> SPECIAL = ImmutableList.of(UNKNOWN, BEGIN, END);

  private static final ObjectMapper MAPPER = new ObjectMapper();

  private WordLevelFiles() {}

  static void write(Path directory, Collection<String> words) {
    String tokenizer = tokenizer(words).toPrettyString() + "\n";
    String config = config().toPrettyString() + "\n";
    try {
      Files.createDirectories(directory);
      AtomicFile.write(directory.resolve(TokenizerFiles.TOKENIZER), tokenizer);
      AtomicFile.write(directory.resolve(TokenizerFiles.TOKENIZER_CONFIG), config);
    } catch (IOException e) {
      throw new UncheckedIOException(directory + ": expected to be writable, got " + e, e);
    }
  }

  private static ObjectNode tokenizer(Collection<String> words) {
    ObjectNode json = MAPPER.createObjectNode();
    json.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = json.putArray("added_tokens");
    for (int id = 0; id < SPECIAL.size(); id++) {
      added
          .addObject()
          .put("id", id)
          .put("content", SPECIAL.get(id))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    json.putNull("normalizer");
    json.putObject("pre_tokenizer").put("type", "WhitespaceSplit");
    json.set("post_processor", beginInFront());
    json.putNull("decoder"); // joins tokens with one space
    ObjectNode model = json.putObject("model").put("type", "WordLevel");
    model.set("vocab", vocabulary(words));
    model.put("unk_token", UNKNOWN);
    return json;
  }

  private static ObjectNode vocabulary(Collection<String> words) {
    ObjectNode ids = MAPPER.createObjectNode();
    for (String special : SPECIAL) {
      ids.put(special, ids.size());
    }
    for (String word : words) {
      checkArgument(
          !word.isEmpty() && CharMatcher.whitespace().matchesNoneOf(word),
          "words: expected words without white space, got \"%s\"",
          word);
      checkArgument(
          SPECIAL.stream().noneMatch(word::contains),
          "words: expected words without %s, got \"%s\"",
          SPECIAL,
          word);
      checkArgument(!ids.has(word), "words: expected each word once, got \"%s\" again", word);
      ids.put(word, ids.size());
    }
    return ids;
  }

  /** Hugging Face's libraries then put the begin token in front, as they do for LLaMA models. */
  private static ObjectNode beginInFront() {
    ObjectNode json = MAPPER.createObjectNode().put("type", "TemplateProcessing");
    addTemplate(json.putArray("single"), 0, "A");
    ArrayNode pair = json.putArray("pair");
    addTemplate(pair, 0, "A");
    addTemplate(pair, 1, "B");
    ObjectNode begin = json.putObject("special_tokens").putObject(BEGIN).put("id", BEGIN);
    begin.putArray("ids").add(SPECIAL.indexOf(BEGIN));
    begin.putArray("tokens").add(BEGIN);
    return json;
  }

  private static void addTemplate(ArrayNode template, int type, String sequence) {
    template.addObject().putObject("SpecialToken").put("id", BEGIN).put("type_id", type);
    template.addObject().putObject("Sequence").put("id", sequence).put("type_id", type);
  }

  private static ObjectNode config() {
    return MAPPER
        .createObjectNode()
        .put("tokenizer_class", "PreTrainedTokenizerFast")
        .put("unk_token", UNKNOWN)
        .put("bos_token", BEGIN)
        .put("eos_token", END)
        .put("clean_up_tokenization_spaces", false);
  }
}
