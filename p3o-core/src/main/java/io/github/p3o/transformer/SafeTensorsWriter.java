package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
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
 * Writes safetensors files as Hugging Face's own writer does, to the byte: float64 before float32,
 * then by name, the header padded with spaces so that the data begin at a multiple of 8.
 */
final class SafeTensorsWriter {

  private static final int ALIGNMENT = 8;

  /** Elements of float64 or float32; small enough for the processor's cache. */
  private static final int CHUNK_ELEMENTS = 1 << 15;

  /** Characters outside the basic plane as UTF-8, not as two escapes. */
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8).build();

  private static final Comparator<Map.Entry<String, INDArray>> ORDER =
      Comparator.comparing(
              (Map.Entry<String, INDArray> tensor) -> type(tensor), Comparator.reverseOrder())
          .thenComparing(Map.Entry.comparingByKey());

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
    tensors.forEach(SafeTensorsWriter::check);
    List<Map.Entry<String, INDArray>> ordered = tensors.entrySet().stream().sorted(ORDER).toList();
    try {
      byte[] header = header(ordered, metadata);
      checkArgument(
          header.length <= SafeTensorsHeader.MAX_LENGTH,
          "tensors: expected a header of at most 100000000 bytes, got %s",
          header.length);
      AtomicFile.write(file, channel -> write(channel, header, ordered));
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

  private static TensorType type(Map.Entry<String, INDArray> tensor) {
    return tensor.getValue().dataType() == DataType.DOUBLE ? TensorType.F64 : TensorType.F32;
  }

  private static byte[] header(
      List<Map.Entry<String, INDArray>> tensors, Map<String, String> metadata) throws IOException {
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
      for (Map.Entry<String, INDArray> tensor : tensors) {
        begin = writeEntry(json, tensor, begin);
      }
      json.writeEndObject();
    }
    while (header.size() % ALIGNMENT != 0) {
      header.write(' ');
    }
    return header.toByteArray();
  }

  /** Returns where the tensor ends. */
  private static long writeEntry(JsonGenerator json, Map.Entry<String, INDArray> tensor, long begin)
      throws IOException {
    long[] shape = tensor.getValue().shape();
    long end = begin + tensor.getValue().length() * type(tensor).bytes();
    json.writeObjectFieldStart(tensor.getKey());
    json.writeStringField("dtype", type(tensor).name());
    json.writeFieldName("shape");
    json.writeArray(shape, 0, shape.length);
    json.writeFieldName("data_offsets");
    json.writeArray(new long[] {begin, end}, 0, 2);
    json.writeEndObject();
    return end;
  }

  private static void write(
      FileChannel channel, byte[] header, List<Map.Entry<String, INDArray>> tensors)
      throws IOException {
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    AtomicFile.writeFully(channel, length.putLong(header.length).flip());
    AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
    ByteBuffer chunk =
        ByteBuffer.allocateDirect(CHUNK_ELEMENTS * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (Map.Entry<String, INDArray> tensor : tensors) {
      if (tensor.getValue().length() > 0) {
        write(channel, tensor.getValue(), chunk);
      }
    }
  }

  /** Row-major, whatever the array's own layout. */
  private static void write(FileChannel channel, INDArray tensor, ByteBuffer chunk)
      throws IOException {
    try (INDArray rows = tensor.dup('c')) {
      if (tensor.dataType() == DataType.DOUBLE) {
        DoubleBuffer values = DoubleBuffer.wrap(rows.data().asDouble());
        while (values.hasRemaining()) {
          DoubleBuffer part = part(values, values::slice);
          chunk.clear().asDoubleBuffer().put(part);
          AtomicFile.writeFully(channel, chunk.limit(part.position() * Double.BYTES));
        }
      } else {
        FloatBuffer values = FloatBuffer.wrap(rows.data().asFloat());
        while (values.hasRemaining()) {
          FloatBuffer part = part(values, values::slice);
          chunk.clear().asFloatBuffer().put(part);
          AtomicFile.writeFully(channel, chunk.limit(part.position() * Float.BYTES));
        }
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
