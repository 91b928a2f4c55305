package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkState;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.annotations.VisibleForTesting;
import io.github.p3o.internal.StrictJson;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a data set of one JSON object a line, one example at a time, so that a data set larger than
 * memory can be read too. {@link DataSets} opens them. A file that begins as gzip does is unpacked
 * on the way; empty lines are passed over. {@code ImmutableList.copyOf(reader)} reads all that is
 * left.
 *
 * <p>For one thread. The caller closes it.
 *
 * @param <T> of an example
 */
public final class DataSetReader<T> implements Iterator<T>, AutoCloseable {

  /** Far more than any dialogue, far less than memory. */
  static final int MAX_LINE_BYTES = 10 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(DataSetReader.class);

  /** After so many warnings the reader only counts. */
  private static final int MAX_WARNINGS = 10;

  private static final int GZIP_MAGIC = 0x1f8b;

  /** Makes an example of a line. */
  interface Parser<T> {
    T parse(ObjectNode line) throws MalformedLineException;
  }

  private final Path file;
  private final Parser<T> parser;
  private final MalformedLines malformedLines;
  private final LineReader lines;
  private @Nullable T next;
  private long line;
  private long examples;
  private long skipped;
  private boolean closed;

  @VisibleForTesting
  DataSetReader(Path file, Parser<T> parser, MalformedLines malformedLines, int maxLineBytes) {
    this.file = file;
    this.parser = parser;
    this.malformedLines = malformedLines;
    try {
      this.lines = new LineReader(open(file), maxLineBytes);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private static InputStream open(Path file) throws IOException {
    InputStream in = new BufferedInputStream(Files.newInputStream(file));
    try {
      in.mark(2);
      int magic = in.read() << 8 | in.read();
      in.reset();
      return magic == GZIP_MAGIC ? new GZIPInputStream(in, 1 << 16) : in;
    } catch (IOException e) {
      in.close();
      throw e;
    }
  }

  /**
   * Whether there is another example.
   *
   * @return false at the end
   * @throws DataSetException at a malformed line, unless those are skipped; at the end if there was
   *     no example at all; or if the file cannot be read
   * @throws IllegalStateException after {@link #close}
   */
  @Override
  public boolean hasNext() {
    while (next == null && advance()) {
      parseLine();
    }
    if (next == null && examples == 0) {
      throw new DataSetException(
          file, 0, "expected at least one example, got none in " + line + " lines", null);
    }
    return next != null;
  }

  private boolean advance() {
    checkState(!closed, "%s: expected an open reader, got one that was closed", file);
    try {
      line++;
      if (lines.advance()) {
        return true;
      }
      line--;
      return false;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private void parseLine() {
    try {
      String text = lines.text();
      String json = line == 1 ? StrictJson.withoutMark(text) : text;
      if (!json.isBlank()) {
        next = parser.parse(StrictJson.object(json));
        examples++;
      }
    } catch (JsonProcessingException e) {
      malformed(StrictJson.reason(e));
    } catch (MalformedLineException e) {
      malformed(String.valueOf(e.getMessage()));
    }
  }

  /** The cause is left out: Jackson's messages quote the text. */
  private void malformed(String problem) {
    DataSetException exception = new DataSetException(file, line, problem, null);
    if (malformedLines == MalformedLines.STOP) {
      throw exception;
    }
    skipped++;
    if (skipped <= MAX_WARNINGS) {
      LOG.warn(
          "skipped {}{}",
          exception.getMessage(),
          skipped == MAX_WARNINGS ? " (further lines are skipped without a warning)" : "");
    }
  }

  private DataSetException unreadable(IOException e) {
    return new DataSetException(file, line, "expected a readable file, got " + e, e);
  }

  /**
   * The next example.
   *
   * @return the example
   * @throws DataSetException as {@link #hasNext} does
   * @throws NoSuchElementException at the end
   * @throws IllegalStateException after {@link #close}
   */
  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException(file + ": expected another example, got the end");
    }
    T example = Objects.requireNonNull(next);
    next = null;
    return example;
  }

  /**
   * How many malformed lines have been passed over so far.
   *
   * @return lines, always 0 with {@link MalformedLines#STOP}
   */
  public long skippedLines() {
    return skipped;
  }

  /**
   * Closes the file.
   *
   * @throws DataSetException if it cannot be closed
   */
  @Override
  public void close() {
    closed = true;
    try {
      lines.close();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }
}
