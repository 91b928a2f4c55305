package io.github.p3o.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/** One token a byte, then begin and end. */
enum ByteTokenizer implements Tokenizer {
  INSTANCE;

  private static final int BYTES = 256;
  private static final int BEGIN = BYTES;
  private static final int END = BYTES + 1;
  private static final int VOCABULARY = BYTES + 2;

  @Override
  public int[] encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] tokens = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      tokens[i] = Byte.toUnsignedInt(bytes[i]);
    }
    return tokens;
  }

  @Override
  public String decode(int... tokens) {
    Ids.check(tokens, VOCABULARY);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(tokens.length);
    for (int token : tokens) {
      if (token < BYTES) {
        bytes.write(token);
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public int vocabularySize() {
    return VOCABULARY;
  }

  @Override
  public OptionalInt beginToken() {
    return OptionalInt.of(BEGIN);
  }

  @Override
  public OptionalInt endToken() {
    return OptionalInt.of(END);
  }
}
