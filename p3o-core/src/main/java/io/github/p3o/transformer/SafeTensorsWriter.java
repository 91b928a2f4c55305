package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import io.github.p3o.internal.AtomicFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Writes safetensors files as Hugging Face's own writer does, to the byte but for the spaces behind
 * the header: the greatest type first, then by name. The spaces let the data begin at a multiple of
 * 64 bytes, not of 8; and with them each tensor of a mapped file, as those of models are multiples
 * of 64 bytes long.
 */
final class SafeTensorsWriter {

  /** A line of the processor's cache, and the width of its widest vectors. */
  private static final int ALIGNMENT = 64;

  /** Elements of a chunk, small enough for the processor's cache. */
  private static final int CHUNK_ELEMENTS = 1 << 15;

  /** Characters outside the basic plane as UTF-8, not as two escapes. */
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8).build();

  /**
   * A tensor and the type that it is written in.
   *
   * @param name its name
   * @param type of what is written
   * @param array of type FLOAT or DOUBLE
   */
  private record Item(String name, TensorType type, INDArray array) {

    long bytes() {
      return array.length() * type.bytes();
    }
  }

  private static final Comparator<Item> ORDER =
      Comparator.comparing(Item::type, Comparator.reverseOrder()).thenComparing(Item::name);

  private SafeTensorsWriter() {}

  /**
   * Writes a file beside, flushes it and renames it.
   *
   * @param file in an existing directory; one of that name is replaced
   * @param tensors by name, of type FLOAT or DOUBLE, of any layout; the order does not matter
   * @param metadata the file's notes; readers in Python expect {@code format: pt}
   * @throws IllegalArgumentException for another type or a name that the format keeps for itself
   * @throws CheckpointException if it cannot be written; the file is then as it was
   */
  static void write(Path file, Map<String, INDArray> tensors, Map<String, String> metadata) {
    write(file, tensors, ImmutableMap.of(), metadata);
  }

  /**
   * As the other, in given types, by name: F16, BF16, F32 or F64. What has none there is written as
   * it is.
   */
  static void write(
      Path file,
      Map<String, INDArray> tensors,
      Map<String, TensorType> types,
      Map<String, String> metadata) {
    tensors.forEach(SafeTensorsWriter::check);
    List<Item> ordered =
        tensors.entrySet().stream()
            .map(tensor -> item(tensor.getKey(), tensor.getValue(), types))
            .sorted(ORDER)
            .toList();
    try {
      byte[] header = header(ordered, metadata);
      checkArgument(
          header.length <= SafeTensorsHeader.MAX_LENGTH,
          "tensors: expected a header of at most 100000000 bytes, got %s",
          header.length);
      AtomicFile.write(file, channel -> write(file, channel, header, ordered));
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be writable, got " + e, e);
    }
  }

  private static void check(String name, INDArray tensor) {
    DataType type = tensor.dataType();
    checkArgument(
        type == DataType.FLOAT || type == DataType.DOUBLE,
        "tensors[%s]: expected type FLOAT or DOUBLE, got %s",
        name,
        type);
    checkArgument(
        tensor.length() <= SafeTensors.MAX_ELEMENTS,
        "tensors[%s]: expected at most %s elements, got %s",
        name,
        SafeTensors.MAX_ELEMENTS,
        tensor.length());
    checkArgument(
        !name.equals(SafeTensorsHeader.METADATA),
        "tensors: expected names of tensors, got %s",
        name);
  }

  private static Item item(String name, INDArray array, Map<String, TensorType> types) {
    return new Item(name, types.getOrDefault(name, TensorType.of(array.dataType())), array);
  }

  private static byte[] header(List<Item> tensors, Map<String, String> metadata)
      throws IOException {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(header)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(SafeTensorsHeader.METADATA);
        for (Map.Entry<String, String> note : ImmutableSortedMap.copyOf(metadata).entrySet()) {
          json.writeStringField(note.getKey(), note.getValue());
        }
        json.writeEndObject();
      }
      long begin = 0;
      for (Item tensor : tensors) {
        begin = writeEntry(json, tensor, begin);
      }
      json.writeEndObject();
    }
    while ((SafeTensorsHeader.LENGTH_BYTES + header.size()) % ALIGNMENT != 0) {
      header.write(' ');
    }
    return header.toByteArray();
  }

  /** Returns where the tensor ends. */
  private static long writeEntry(JsonGenerator json, Item tensor, long begin) throws IOException {
    long[] shape = tensor.array().shape();
    long end = begin + tensor.bytes();
    json.writeObjectFieldStart(tensor.name());
    json.writeStringField("dtype", tensor.type().name());
    json.writeFieldName("shape");
    json.writeArray(shape, 0, shape.length);
    json.writeFieldName("data_offsets");
    json.writeArray(new long[] {begin, end}, 0, 2);
    json.writeEndObject();
    return end;
  }

  private static void write(Path file, FileChannel channel, byte[] header, List<Item> tensors)
      throws IOException {
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    AtomicFile.writeFully(channel, length.putLong(header.length).flip());
    AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
    ByteBuffer chunk =
        ByteBuffer.allocateDirect(CHUNK_ELEMENTS * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (Item tensor : tensors) {
      if (tensor.array().length() > 0) {
        write(file, channel, tensor, chunk);
      }
    }
  }

  /** Row-major, whatever the array's own layout. */
  private static void write(Path file, FileChannel channel, Item tensor, ByteBuffer chunk)
      throws IOException {
    try (INDArray rows = tensor.array().dup('c')) {
      if (tensor.type() == TensorType.F64) {
        DoubleBuffer values = DoubleBuffer.wrap(rows.data().asDouble());
        while (values.hasRemaining()) {
          DoubleBuffer part = part(values, values::slice);
          chunk.clear().asDoubleBuffer().put(part);
          AtomicFile.writeFully(channel, chunk.limit(part.position() * Double.BYTES));
        }
        return;
      }
      FloatBuffer values = FloatBuffer.wrap(rows.data().asFloat());
      while (values.hasRemaining()) {
        if (!tensor.type().encode(part(values, values::slice), chunk.clear())) {
          throw new CheckpointException(
              file,
              tensor.name() + ": expected values that " + tensor.type() + " holds",
              "greater ones; save as FLOAT32");
        }
        AtomicFile.writeFully(channel, chunk.flip());
      }
    }
  }

  /** The next elements, as many as fit into a chunk; steps over them. */
  private static <B extends Buffer> B part(B values, IntBinaryFunction<B> slice) {
    int count = Math.min(CHUNK_ELEMENTS, values.remaining());
    B part = slice.apply(values.position(), count);
    values.position(values.position() + count);
    return part;
  }

  /** {@code slice(index, length)}, which buffers of each type have for themselves. */
  private interface IntBinaryFunction<B> {
    B apply(int index, int length);
  }
}
