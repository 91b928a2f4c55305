package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.internal.LayerKernels;
import io.github.p3o.internal.TokenAttention;
import io.github.p3o.transformer.HostWeights.Layer;
import io.github.p3o.transformer.HostWeights.Vector;
import io.github.p3o.transformer.RowWorkers.Worker;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention of {@link HostDecoding}: each row sees its own columns of the cache, and no others. The
 * notation is that of {@link DecoderGraph}.
 */
final class HostAttention {

  private final KeyValueCache cache;
  private final HostWeights weights;
  private final int size; // d
  private final int group; // G
  private final float epsilon;
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
    epsilon = (float) model.config().normEpsilon();
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
   * @param worker of the thread
   * @param index of the layer
   * @param layer its weights
   * @param row of the cache
   * @param position in the sequence, and column of the cache
   * @param projected the products of the token, {@code [(H + 2 K)·d]}; queries are turned there
   * @param mixed takes the result, {@code [H·d]}
   * @param firstHead of keys and values
   * @param end behind the last one
   */
  void attend(
      Worker worker,
      int index,
      Layer layer,
      int row,
      int position,
      FloatMatrix projected,
      FloatMatrix mixed,
      int firstHead,
      int end) {
    TokenAttention scratch = worker.attention;
    float[] all = worker.first;
    projected.get(all, 0, weights.width());
    Vector bias = layer.queryKeyValueBias();
    if (bias != null) {
      LayerKernels.add(all, 0, bias.values, 0, bias.values.length);
    }
    scratch.begin(end - firstHead, group, position + 1, size);
    for (int head = firstHead; head < end; head++) {
      int query = weights.offset(0, head * group);
      int key = weights.offset(1, head);
      for (int i = 0; i < group; i++) {
        normalise(worker, all, query + i * size, layer.queryNorm());
        turn(all, query + i * size, position);
      }
      LayerKernels.multiply(all, query, (float) (1 / Math.sqrt(size)), group * size);
      normalise(worker, all, key, layer.keyNorm());
      turn(all, key, position);
      projected.from(0, query).put(all, query, group * size);
      FloatMatrix ofHead = cache.ofHead(keys.get(index), row, head);
      ofHead.from(position, 0).put(all, key, size);
      scratch.score(head - firstHead, projected.from(0, query).withStride(size), ofHead);
    }
    scratch.normalise();
    for (int head = firstHead; head < end; head++) {
      FloatMatrix ofHead = cache.ofHead(values.get(index), row, head);
      ofHead.from(position, 0).put(all, weights.offset(2, head), size);
      FloatMatrix target = mixed.from(0, (long) head * group * size).withStride(size);
      scratch.mix(head - firstHead, ofHead, target);
    }
  }

  private void normalise(Worker worker, float[] all, int at, @Nullable Vector weight) {
    if (weight != null) {
      worker.kernels.rootMeanSquareNorm(all, at, all, at, weight.values, epsilon);
    }
  }

  private void turn(float[] all, int at, int position) {
    if (half > 0) {
      LayerKernels.turn(all, at, cosines, sines, position, half);
    }
  }
}
