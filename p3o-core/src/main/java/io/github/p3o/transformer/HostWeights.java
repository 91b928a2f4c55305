package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.FloatMatrix;
import io.github.p3o.transformer.DecoderTensors.Fusion;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model's float32 weights for {@link HostDecoding}: matrices where they lie, copies of vectors.
 */
final class HostWeights {

  /** Numbers that rows are multiplied by, or that are added to them; nobody changes them. */
  static final class Vector {
    final float[] values;

    private Vector(float[] values) {
      this.values = values;
    }
  }

  /**
   * A product with a matrix, and with an adapter's.
   *
   * @param linear how the matrix lies
   * @param matrix its elements
   * @param low what is added; null if nothing is
   * @param bias {@code [outputs]}; it is not part of the product; null for none
   */
  record Product(Linear linear, FloatMatrix matrix, @Nullable Low low, @Nullable Vector bias) {}

  /**
   * {@code scale · up down}.
   *
   * @param down {@code [rank, inputs]}
   * @param up {@code [outputs, rank]}
   */
  record Low(FloatMatrix down, FloatMatrix up, int rank, float scale) {}

  /**
   * What rows are multiplied by behind a norm, and what is added.
   *
   * @param weight {@code [D]}
   * @param bias {@code [D]}, null for RMSNorm
   */
  record Norm(Vector weight, @Nullable Vector bias) {}

  /**
   * One layer.
   *
   * @param queryKeyValue one product or three, whose outputs lie side by side
   * @param queryKeyValueBias of all of them together, null for none
   * @param queryNorm of each head's query {@code [d]}, null for none
   * @param keyNorm of each head's key {@code [d]}, null for none
   */
  record Layer(
      Norm attentionNorm,
      ImmutableList<Product> queryKeyValue,
      @Nullable Vector queryKeyValueBias,
      @Nullable Vector queryNorm,
      @Nullable Vector keyNorm,
      Product attentionOutput,
      Norm feedForwardNorm,
      @Nullable Product gate,
      Product up,
      Product down) {}

  private final DecoderModel model;

  HostWeights(DecoderModel model) {
    this.model = model;
  }

  ImmutableList<Layer> layers() {
    return model.tensors().layers().stream()
        .map(this::layer)
        .collect(ImmutableList.toImmutableList());
  }

  private Layer layer(DecoderTensors.Layer names) {
    ImmutableList<Product> queryKeyValue =
        names.queryKeyValue().stream().map(this::product).collect(ImmutableList.toImmutableList());
    Linear gate = names.gate();
    return new Layer(
        norm(names.attentionNorm()),
        queryKeyValue,
        joined(queryKeyValue),
        weight(names.queryNorm()),
        weight(names.keyNorm()),
        product(names.attentionOutput()),
        norm(names.feedForwardNorm()),
        gate == null ? null : product(gate),
        product(names.up()),
        product(names.down()));
  }

  private static @Nullable Vector joined(List<Product> products) {
    int length = products.stream().mapToInt(product -> product.linear().outputs()).sum();
    float[] joined = new float[length];
    int at = 0;
    boolean any = false;
    for (Product product : products) {
      Vector bias = product.bias();
      if (bias != null) {
        System.arraycopy(bias.values, 0, joined, at, bias.values.length);
        any = true;
      }
      at += product.linear().outputs();
    }
    return any ? new Vector(joined) : null;
  }

  private Product product(Linear linear) {
    Adapter adapter = model.adapter();
    Low low = null;
    if (adapter != null && adapter.adapts(linear)) {
      low =
          new Low(
              FloatMatrix.of(adapter.parameters().get(Adapter.down(linear))),
              FloatMatrix.of(adapter.parameters().get(Adapter.up(linear))),
              adapter.config().rank(),
              (float) adapter.config().scale());
    }
    String bias = linear.bias();
    return new Product(linear, matrix(linear.weight()), low, bias == null ? null : vector(bias));
  }

  Norm norm(DecoderTensors.Norm names) {
    String bias = names.bias();
    return new Norm(vector(names.weight()), bias == null ? null : vector(bias));
  }

  private @Nullable Vector weight(DecoderTensors.@Nullable Norm names) {
    return names == null ? null : vector(names.weight());
  }

  private Vector vector(String name) {
    return new Vector(model.parameter(name).toFloatVector());
  }

  /** A matrix by its name. */
  FloatMatrix matrix(String name) {
    return FloatMatrix.of(model.parameter(name));
  }

  /**
   * Where a head's part of a row begins.
   *
   * @param kind 0 for queries, 1 for keys, 2 for values
   * @param head of that kind
   */
  int offset(int kind, int head) {
    DecoderConfig config = model.config();
    if (model.tensors().fusion() == Fusion.BY_HEAD) {
      return (3 * head + kind) * config.headSize();
    }
    int before = kind == 0 ? 0 : config.heads() + (kind - 1) * config.keyValueHeads();
    return (before + head) * config.headSize();
  }

  /** {@code (H + 2 K)·d}, of queries, keys and values together. */
  int width() {
    DecoderConfig config = model.config();
    return (config.heads() + 2 * config.keyValueHeads()) * config.headSize();
  }

  /** The greatest rank of an adapter's products, 0 without one. */
  int rank() {
    return model.adapter() == null ? 0 : model.adapter().config().rank();
  }
}
