package io.github.p3o.transformer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The tensors of a file in memory, mapped in windows of whole tensors, as the JDK maps at most 2 GB
 * at once. A window is unmapped when the garbage collector finds that nobody has a part of it.
 */
final class MappedWindows {

  /** Of one mapping. */
  static final long MAX_BYTES = Integer.MAX_VALUE;

  private final NavigableMap<Long, ByteBuffer> windows = new TreeMap<>(); // by their first byte

  /**
   * Maps all tensors but those that are greater than a window.
   *
   * @param header checked against the file
   * @param maxBytes of a window, at most {@link #MAX_BYTES}
   * @throws IOException if the file has become shorter, or the system refuses
   */
  MappedWindows(FileChannel channel, SafeTensorsHeader header, long maxBytes) throws IOException {
    List<TensorEntry> byPlace =
        header.tensors().values().stream()
            .sorted(Comparator.comparingLong(TensorEntry::begin))
            .toList();
    long begin = 0;
    long end = 0;
    for (TensorEntry tensor : byPlace) {
      if (tensor.end() - begin > maxBytes) {
        map(channel, header, begin, end);
        begin = tensor.end() - tensor.begin() > maxBytes ? tensor.end() : tensor.begin();
      }
      end = tensor.end();
    }
    map(channel, header, begin, end);
  }

  /**
   * Only read: a writable mapping, even one whose changes stay in the process, asks for leave to
   * write to the file.
   */
  private void map(FileChannel channel, SafeTensorsHeader header, long begin, long end)
      throws IOException {
    if (end > begin) {
      windows.put(
          begin,
          channel.map(FileChannel.MapMode.READ_ONLY, header.dataStart() + begin, end - begin));
    }
  }

  /** The bytes of a tensor that is no greater than a window. */
  ByteBuffer bytes(TensorEntry tensor) {
    Map.Entry<Long, ByteBuffer> window = windows.floorEntry(tensor.begin());
    int from = (int) (tensor.begin() - window.getKey());
    return window
        .getValue()
        .slice(from, (int) (tensor.end() - tensor.begin()))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  int count() {
    return windows.size();
  }
}
