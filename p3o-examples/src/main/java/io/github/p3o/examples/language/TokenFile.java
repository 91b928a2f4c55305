package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.Example;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.function.Function;

/**
 * Examples as tokens in a temporary file, so that a data set may be larger than memory: eight bytes
 * of each stay there. The file ends with the process at the latest.
 *
 * @param <T> of an example
 */
public final class TokenFile<T> extends AbstractList<T> implements RandomAccess {

  /**
   * Of which sequences an example is made.
   *
   * @param split into sequences
   * @param join the same sequences
   */
  private record Form<T>(
      Function<T, ImmutableList<Response>> split, Function<ImmutableList<Response>, T> join) {}

  private final Form<T> form;
  private final FileChannel channel;
  private long[] ends = new long[16];
  private int size;

  private TokenFile(Form<T> form) {
    this.form = form;
    try {
      Path file = Files.createTempFile("p3o-tokens", null);
      channel =
          FileChannel.open(
              file,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
    } catch (IOException e) {
      throw new UncheckedIOException("java.io.tmpdir: expected to be writable, got " + e, e);
    }
  }

  /** For prompts. */
  static TokenFile<Prompt> ofPrompts() {
    return new TokenFile<>(
        new Form<>(prompt -> ImmutableList.of(sequence(prompt)), parts -> prompt(parts.get(0))));
  }

  /** For examples to imitate. */
  public static TokenFile<Example> ofExamples() {
    return new TokenFile<>(
        new Form<>(
            example -> ImmutableList.of(sequence(example.prompt()), example.response()),
            parts -> new Example(prompt(parts.get(0)), parts.get(1))));
  }

  /** For comparisons. */
  public static TokenFile<Comparison> ofComparisons() {
    return new TokenFile<>(
        new Form<>(
            comparison ->
                ImmutableList.of(
                    sequence(comparison.prompt()), comparison.chosen(), comparison.rejected()),
            parts -> new Comparison(prompt(parts.get(0)), parts.get(1), parts.get(2))));
  }

  private static Response sequence(Prompt prompt) {
    return new Response(prompt.tokens(), false);
  }

  private static Prompt prompt(Response sequence) {
    return new Prompt(sequence.tokens());
  }

  @Override
  public int size() {
    return size;
  }

  /** Adds an example behind the others. */
  @Override
  public boolean add(T example) {
    ImmutableList<Response> parts = form.split().apply(example);
    int words = parts.stream().mapToInt(part -> 1 + part.length()).sum();
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(words, Integer.BYTES));
    for (Response part : parts) {
      bytes.putInt(part.ended() ? ~part.length() : part.length());
      part.tokens().forEach(bytes::putInt);
    }
    long begin = begin(size);
    try {
      bytes.flip();
      while (bytes.hasRemaining()) {
        channel.write(bytes, begin + bytes.position());
      }
    } catch (IOException e) {
      throw new UncheckedIOException("java.io.tmpdir: expected room for tokens, got " + e, e);
    }
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
    }
    ends[size++] = begin + bytes.limit();
    return true;
  }

  private long begin(int index) {
    return index == 0 ? 0 : ends[index - 1];
  }

  @Override
  public T get(int index) {
    Objects.checkIndex(index, size);
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(ends[index] - begin(index)));
    try {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, begin(index) + bytes.position()) < 0) {
          throw new EOFException();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("tokens: expected to be readable, got " + e, e);
    }
    bytes.flip();
    ImmutableList.Builder<Response> parts = ImmutableList.builder();
    while (bytes.hasRemaining()) {
      int length = bytes.getInt();
      int[] tokens = new int[length < 0 ? ~length : length];
      Arrays.setAll(tokens, i -> bytes.getInt());
      parts.add(new Response(ImmutableIntArray.copyOf(tokens), length < 0));
    }
    return form.join().apply(parts.build());
  }
}
