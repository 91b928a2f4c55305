package io.github.p3o.text;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Lines of UTF-8, without the {@code '\n'} that ends them. No line longer than the limit is ever
 * held in memory.
 */
final class LineReader implements Closeable {

  private static final int CHUNK_BYTES = 1 << 16;

  private final InputStream in;
  private final int maxLineBytes;
  private final byte[] chunk = new byte[CHUNK_BYTES];
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private int position;
  private int limit;
  private boolean tooLong;

  LineReader(InputStream in, int maxLineBytes) {
    this.in = in;
    this.maxLineBytes = maxLineBytes;
  }

  /** Steps to the next line; false at the end. */
  boolean advance() throws IOException {
    line.reset();
    tooLong = false;
    boolean any = false;
    while (position < limit || refill()) {
      any = true;
      int end = position;
      while (end < limit && chunk[end] != '\n') {
        end++;
      }
      append(end - position);
      boolean ended = end < limit;
      position = ended ? end + 1 : end;
      if (ended) {
        break;
      }
    }
    return any;
  }

  private boolean refill() throws IOException {
    position = 0;
    limit = Math.max(0, in.read(chunk, 0, CHUNK_BYTES));
    return limit > 0;
  }

  private void append(int count) {
    tooLong |= count > maxLineBytes - line.size();
    if (tooLong) {
      line.reset();
    } else {
      line.write(chunk, position, count);
    }
  }

  /**
   * The line that {@link #advance} stepped to.
   *
   * @throws MalformedLineException if it is longer than the limit or no UTF-8
   */
  String text() throws MalformedLineException {
    if (tooLong) {
      throw new MalformedLineException("line: expected at most " + maxLineBytes + " bytes");
    }
    try {
      ByteBuffer bytes = ByteBuffer.wrap(line.toByteArray());
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedLineException("line: expected UTF-8, got other bytes");
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
