package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.internal.LayerKernels;
import io.github.p3o.internal.TokenAttention;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention of {@link HostDecoding}: each row sees its own columns of the cache, and no others. The
 * notation is that of {@link DecoderGraph}.
 */
final class HostAttention {

  /**
   * A new token.
   *
   * @param index among the new tokens
   * @param row of the cache
   * @param position in its sequence, and its column
   */
  record Token(int index, int row, int position) {}

  private final KeyValueCache cache;
  private final HostWeights weights;
  private final int size; // d
  private final int group; // G
  private final int half; // of the elements of a head that are turned
  private final float[] cosines; // [positions, half]
  private final float[] sines;
  private final ImmutableList<FloatMatrix> keys; // of each layer
  private final ImmutableList<FloatMatrix> values;

  HostAttention(DecoderModel model, HostWeights weights, KeyValueCache cache, int positions) {
    this.cache = cache;
    this.weights = weights;
    size = model.config().headSize();
    group = model.config().heads() / model.config().keyValueHeads();
    RotaryTables rotary = model.rotary();
    half = rotary == null ? 0 : rotary.half();
    cosines = rotary == null ? new float[0] : rotary.cosines(positions);
    sines = rotary == null ? new float[0] : rotary.sines(positions);
    int layers = model.config().layers();
    keys =
        IntStream.range(0, layers)
            .mapToObj(layer -> FloatMatrix.of(cache.keys(layer)))
            .collect(ImmutableList.toImmutableList());
    values =
        IntStream.range(0, layers)
            .mapToObj(layer -> FloatMatrix.of(cache.values(layer)))
            .collect(ImmutableList.toImmutableList());
  }

  /**
   * Brings keys and values of some heads of a token to the cache, and mixes what its queries see.
   *
   * @param scratch of the thread
   * @param all likewise, {@code [(H + 2 K)·d]}
   * @param projected the products of the token, where its queries are turned
   * @param bias of the products
   * @param mixed takes the result, {@code [H·d]}
   * @param firstHead of keys and values
   * @param end behind the last one
   */
  void attend(
      TokenAttention scratch,
      float[] all,
      int layer,
      Token token,
      FloatMatrix projected,
      float @Nullable [] bias,
      FloatMatrix mixed,
      int firstHead,
      int end) {
    projected.get(all, 0, weights.width());
    if (bias != null) {
      LayerKernels.add(all, 0, bias, 0, bias.length);
    }
    scratch.begin(end - firstHead, group, token.position() + 1, size);
    for (int head = firstHead; head < end; head++) {
      int query = weights.offset(0, head * group);
      int key = weights.offset(1, head);
      for (int i = 0; i < group; i++) {
        turn(all, query + i * size, token.position());
      }
      LayerKernels.multiply(all, query, (float) (1 / Math.sqrt(size)), group * size);
      turn(all, key, token.position());
      projected.from(0, query).put(all, query, group * size);
      FloatMatrix ofHead = cache.ofHead(keys.get(layer), token.row(), head);
      ofHead.from(token.position(), 0).put(all, key, size);
      scratch.score(head - firstHead, projected.from(0, query).withStride(size), ofHead);
    }
    scratch.normalise();
    for (int head = firstHead; head < end; head++) {
      FloatMatrix ofHead = cache.ofHead(values.get(layer), token.row(), head);
      ofHead.from(token.position(), 0).put(all, weights.offset(2, head), size);
      FloatMatrix target = mixed.from(0, (long) head * group * size).withStride(size);
      scratch.mix(head - firstHead, ofHead, target);
    }
  }

  private void turn(float[] all, int at, int position) {
    if (half > 0) {
      LayerKernels.turn(all, at, cosines, sines, position, half);
    }
  }
}
