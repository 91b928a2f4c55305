package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.internal.FloatMatrix;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * One safetensors file, open for reading. Its header has been checked against the file's length, so
 * that nothing is allocated because a header says so.
 */
final class SafeTensors implements TensorSource {

  /** A multiple of every element's size, small enough for the processor's cache. */
  private static final int CHUNK_BYTES = 1 << 18;

  /** The longest Java array. */
  static final long MAX_ELEMENTS = Integer.MAX_VALUE - 8L;

  private final Path file;
  private final FileChannel channel;
  private final SafeTensorsHeader header;
  private @Nullable MappedWindows windows; // from the first tensor on that is mapped

  private SafeTensors(Path file, FileChannel channel, SafeTensorsHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws CheckpointException if the file cannot be read or breaks a rule of the format
   */
  static SafeTensors open(Path file) {
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        return new SafeTensors(file, channel, SafeTensorsHeader.read(file, channel));
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a readable one, got " + e, e);
    }
  }

  /** The file's own notes, of which {@code format} is usual. */
  ImmutableMap<String, String> metadata() {
    return header.metadata();
  }

  @Override
  public ImmutableSet<String> names() {
    return header.tensors().keySet();
  }

  @Override
  public ImmutableLongArray shape(String name) {
    return entry(name).shape();
  }

  /** The type that holds every element as it is, of those that {@link #read} gives. */
  DataType nearestType(String name) {
    return entry(name).type() == TensorType.F64 ? DataType.DOUBLE : DataType.FLOAT;
  }

  TensorType type(String name) {
    return entry(name).type();
  }

  String fileName() {
    return String.valueOf(file.getFileName());
  }

  @Override
  public StoredForm form() {
    return new StoredForm(
        ImmutableMap.copyOf(Maps.transformValues(header.tensors(), TensorEntry::type)),
        ImmutableMap.of(),
        ImmutableMap.of(SINGLE_FILE, metadata()));
  }

  @Override
  public void readInto(String name, INDArray target) {
    TensorEntry entry = readable(name);
    INDArray flat = target.reshape(target.length());
    try {
      if (!entry.type().fitsFloat() || !FloatMatrix.reaches(flat.dataType())) {
        readChunks(entry, assigning(entry.type(), flat));
      } else if (entry.type() == TensorType.F32) {
        readBytes(entry, FloatMatrix.of(flat));
      } else {
        readChunks(entry, inPlace(entry.type(), FloatMatrix.of(flat)));
      }
    } catch (IOException e) {
      throw new CheckpointException(file, name + ": expected to be readable, got " + e, e);
    }
  }

  /** The file's bytes are the memory's: ND4J runs on little-endian machines alone. */
  private void readBytes(TensorEntry entry, FloatMatrix target) throws IOException {
    int most = Integer.MAX_VALUE / Float.BYTES; // of a buffer
    for (long at = 0; at < entry.elements(); at += most) {
      int count = (int) Math.min(most, entry.elements() - at);
      long position = header.dataStart() + entry.begin() + at * Float.BYTES;
      SafeTensorsHeader.fill(file, channel, position, target.from(0, at).bytes(count));
    }
  }

  /** Writes to the memory itself: a quarter of the time. */
  private static ChunkConsumer inPlace(TensorType type, FloatMatrix target) {
    float[] values = new float[CHUNK_BYTES / type.bytes()];
    return (chunk, at) -> {
      int count = chunk.remaining() / type.bytes();
      type.decode(chunk, values, 0);
      target.from(0, at).put(values, 0, count);
    };
  }

  private static ChunkConsumer assigning(TensorType type, INDArray target) {
    return (chunk, at) -> {
      int count = chunk.remaining() / type.bytes();
      try (INDArray part = part(type, chunk, count)) {
        target.get(NDArrayIndex.interval(at, at + count)).assign(part);
      }
    };
  }

  private static INDArray part(TensorType type, ByteBuffer chunk, int count) {
    if (type.fitsFloat()) {
      float[] values = new float[count];
      type.decode(chunk, values, 0);
      return Nd4j.createFromArray(values);
    }
    double[] values = new double[count];
    chunk.asDoubleBuffer().get(values);
    return Nd4j.createFromArray(values);
  }

  @Override
  public INDArray read(String name, DataType type) {
    checkArgument(
        type == DataType.FLOAT || type == DataType.DOUBLE,
        "type: expected FLOAT or DOUBLE, got %s",
        type);
    TensorEntry entry = readable(name);
    try {
      return entry.elements() == 0
          ? Nd4j.create(type, entry.shape().toArray())
          : as(type, entry.type().fitsFloat() ? floats(entry) : doubles(entry));
    } catch (IOException e) {
      throw new CheckpointException(file, name + ": expected to be readable, got " + e, e);
    }
  }

  @Override
  public void checkMappable(String name) {
    TensorEntry entry = entry(name);
    if (entry.type() != TensorType.F32) {
      throw new CheckpointException(
          file,
          name
              + ".dtype: expected F32 to be mapped (load reads others; saved as FLOAT32 it is F32)",
          entry.type());
    }
    long place = header.dataStart() + entry.begin();
    if (place % Float.BYTES != 0) {
      throw new CheckpointException(
          file,
          name
              + ".data_offsets: expected a place that is a multiple of 4 bytes to be mapped (load"
              + " reads others; saved again it is)",
          place);
    }
    long bytes = entry.end() - entry.begin();
    if (bytes > MappedWindows.MAX_BYTES) {
      throw new CheckpointException(
          file,
          name
              + ".shape: expected at most "
              + MappedWindows.MAX_BYTES
              + " bytes to be mapped (load reads more)",
          bytes);
    }
  }

  @Override
  public INDArray map(String name) {
    TensorEntry entry = entry(name);
    try {
      if (windows == null) {
        windows = new MappedWindows(channel, header, MappedWindows.MAX_BYTES);
      }
      return NativeArrays.over(windows.bytes(entry).asFloatBuffer(), entry.shape().toArray());
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be mappable, got " + e, e);
    }
  }

  private TensorEntry readable(String name) {
    TensorEntry entry = entry(name);
    if (!TensorType.READABLE.contains(entry.type())) {
      throw new CheckpointException(
          file, name + ".dtype: expected one of " + TensorType.READABLE, entry.type());
    }
    if (entry.elements() > MAX_ELEMENTS) {
      throw new CheckpointException(
          file, name + ".shape: expected at most " + MAX_ELEMENTS + " elements", entry.shape());
    }
    return entry;
  }

  private TensorEntry entry(String name) {
    TensorEntry entry = header.tensors().get(name);
    if (entry == null) {
      throw new CheckpointException(file, "tensors: expected " + name, "none of that name");
    }
    return entry;
  }

  private INDArray floats(TensorEntry entry) throws IOException {
    float[] values = new float[(int) entry.elements()];
    readChunks(entry, (chunk, at) -> entry.type().decode(chunk, values, at));
    return Nd4j.create(values, entry.shape().toArray(), 'c');
  }

  private INDArray doubles(TensorEntry entry) throws IOException {
    double[] values = new double[(int) entry.elements()];
    readChunks(entry, (chunk, at) -> chunk.asDoubleBuffer().get(values, at, chunk.limit() / 8));
    return Nd4j.create(values, entry.shape().toArray(), 'c');
  }

  private static INDArray as(DataType type, INDArray array) {
    if (array.dataType() == type) {
      return array;
    }
    try (array) {
      return array.castTo(type);
    }
  }

  /** Takes a part of a tensor: its bytes, and the index of its first element. */
  private interface ChunkConsumer {
    void accept(ByteBuffer chunk, int at);
  }

  private void readChunks(TensorEntry entry, ChunkConsumer consumer) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long at = entry.begin(); at < entry.end(); at += CHUNK_BYTES) {
      chunk.clear().limit((int) Math.min(CHUNK_BYTES, entry.end() - at));
      SafeTensorsHeader.fill(file, channel, header.dataStart() + at, chunk);
      consumer.accept(chunk, (int) ((at - entry.begin()) / entry.type().bytes()));
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be closable, got " + e, e);
    }
  }
}
