package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkState;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;

/** A Hugging Face tokenizer in native code. The only class that needs DJL. */
final class DjlTokenizer implements Tokenizer {

  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "false", "truncation", "do_not_truncate", "padding", "do_not_pad");

  private final HuggingFaceTokenizer tokenizer;
  private final TokenizerFiles files;

  private DjlTokenizer(HuggingFaceTokenizer tokenizer, TokenizerFiles files) {
    this.tokenizer = tokenizer;
    this.files = files;
  }

  static Tokenizer open(Path directory) {
    TokenizerFiles files = TokenizerFiles.read(directory);
    stayOffline();
    Path file = directory.resolve(TokenizerFiles.TOKENIZER);
    try (InputStream json = Files.newInputStream(file)) {
      return new DjlTokenizer(HuggingFaceTokenizer.newInstance(json, OPTIONS), files);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": expected a readable file, got " + e, e);
    } catch (EngineException e) {
      throw new IllegalStateException(
          "Tokenizers.huggingFace: expected a native library for this platform in"
              + " ai.djl.huggingface:tokenizers, got "
              + e,
          e);
    } catch (RuntimeException e) { // what the native code throws for JSON that it cannot use
      throw new IllegalArgumentException(
          file + ": expected a Hugging Face tokenizer, got: " + e.getMessage(), e);
    }
  }

  /**
   * DJL reports usage to its makers, and where it finds a GPU downloads a library for it. These are
   * the switches that it has; what the host has set stays.
   */
  private static void stayOffline() {
    setIfAbsent("OPT_OUT_TRACKING", "true");
    setIfAbsent("RUST_FLAVOR", "cpu");
  }

  private static void setIfAbsent(String name, String value) {
    if (System.getenv(name) == null && System.getProperty(name) == null) {
      System.setProperty(name, value);
    }
  }

  private void checkOpen() {
    checkState(!tokenizer.isReleased(), "tokenizer: expected an open one, got one that was closed");
  }

  @Override
  public int[] encode(String text) {
    checkOpen();
    long[] ids = tokenizer.encode(text, false, false).getIds();
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  @Override
  public String decode(int... tokens) {
    checkOpen();
    Ids.check(tokens, files.vocabularySize());
    return tokenizer.decode(Arrays.stream(tokens).asLongStream().toArray(), true);
  }

  @Override
  public int vocabularySize() {
    return files.vocabularySize();
  }

  @Override
  public OptionalInt beginToken() {
    return files.beginToken();
  }

  @Override
  public OptionalInt endToken() {
    return files.endToken();
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
