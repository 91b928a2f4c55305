package io.github.p3o.text;

import java.nio.file.Path;
import java.util.Collection;

/** The tokenizers that come with the library. */
public final class Tokenizers {

  private Tokenizers() {}

  /**
   * One token a byte of UTF-8, then the begin token 256 and the end token 257: needs no files.
   * Bytes that are no UTF-8 decode as U+FFFD.
   *
   * @return a tokenizer of 258 tokens
   */
  public static Tokenizer bytes() {
    return ByteTokenizer.INSTANCE;
  }

  /**
   * Reads {@code tokenizer.json}, and the names of the begin and end tokens from {@code
   * tokenizer_config.json} or their ids from {@code config.json}. Texts are neither truncated nor
   * padded.
   *
   * <p>Needs {@code ai.djl.huggingface:tokenizers}, an optional dependency, which unpacks its
   * native library to {@code ~/.djl.ai} (environment variable {@code DJL_CACHE_DIR} names another
   * place) and would use the network in two cases: it reports usage, and on machines with a GPU it
   * downloads another library. Both are turned off here by the system properties {@code
   * OPT_OUT_TRACKING} and {@code RUST_FLAVOR}, unless they or environment variables of these names
   * are set already.
   *
   * @param directory of a Hugging Face checkpoint
   * @return the tokenizer; the caller closes it
   * @throws IllegalStateException if the dependency is not there, or not for this platform
   * @throws java.io.UncheckedIOException if a file cannot be read
   * @throws IllegalArgumentException if a file holds what cannot be used; the message says what
   */
  public static Tokenizer huggingFace(Path directory) {
    try {
      return DjlTokenizer.open(directory);
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          "Tokenizers.huggingFace: expected ai.djl.huggingface:tokenizers:0.38.0 on the class path,"
              + " got no class "
              + e.getMessage(),
          e);
    }
  }

  /**
   * Copies the files of a tokenizer beside a model that was saved, so that {@link #huggingFace} and
   * others can read the directory: {@code tokenizer.json}, {@code tokenizer_config.json}, {@code
   * special_tokens_map.json}, {@code chat_template.jinja} and {@code generation_config.json}, those
   * that are there.
   *
   * @param from a directory of a Hugging Face checkpoint
   * @param to another, which is made if it is not there; nothing happens if it is the same
   * @throws java.io.UncheckedIOException if a file cannot be read or written
   */
  public static void copy(Path from, Path to) {
    TokenizerFiles.copy(from, to);
  }

  /**
   * Writes {@code tokenizer.json} and {@code tokenizer_config.json} of a tokenizer with one token a
   * word, for small generated languages: {@code <unk>} is 0, {@code <s>} 1, {@code </s>} 2, and the
   * words follow. It splits at white space; decoding puts one space between words. {@link
   * #huggingFace} reads it, and so do Hugging Face's own libraries.
   *
   * @param directory is made if it is not there
   * @param words in the order of their ids, from 3 on; not empty, without white space, all
   *     different
   * @throws IllegalArgumentException for a word that breaks a rule
   * @throws java.io.UncheckedIOException if the files cannot be written
   */
  public static void writeWordLevel(Path directory, Collection<String> words) {
    WordLevelFiles.write(directory, words);
  }
}
