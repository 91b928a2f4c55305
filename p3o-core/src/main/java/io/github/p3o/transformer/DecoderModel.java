package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.Parameters;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model's tensors and their live values.
 *
 * @param tensors names and layout
 * @param rotary null for learned positions
 * @param base the model's own parameters
 * @param form how the checkpoint was stored that the parameters were read from
 * @param adapter what is added to them, and trained in their place; null if there is none
 */
record DecoderModel(
    DecoderTensors tensors,
    @Nullable RotaryTables rotary,
    Parameters base,
    StoredForm form,
    @Nullable Adapter adapter)
    implements AutoCloseable {

  DecoderModel(DecoderTensors tensors, Parameters base, StoredForm form) {
    this(
        tensors,
        tensors
            .config()
            .rotary()
            .map(rotary -> new RotaryTables(tensors.config().headSize(), rotary))
            .orElse(null),
        base,
        form,
        null);
  }

  DecoderConfig config() {
    return tensors.config();
  }

  DataType type() {
    return base.dataType();
  }

  /** The type that a checkpoint of this model says it is of: that of its embedding. */
  TensorType writtenType(Precision precision) {
    String name = tensors.embedding();
    return form.type(name, base.get(name), precision);
  }

  /** What is trained. */
  Parameters parameters() {
    return adapter == null ? base : adapter.parameters();
  }

  /** What the graphs read and nobody trains. */
  ImmutableMap<String, INDArray> frozen() {
    return adapter == null ? ImmutableMap.of() : base.asMap();
  }

  /** All that the graphs read. */
  ImmutableMap<String, INDArray> all() {
    return ImmutableMap.<String, INDArray>builder()
        .putAll(base.asMap())
        .putAll(adapter == null ? ImmutableMap.of() : adapter.parameters().asMap())
        .buildOrThrow();
  }

  DecoderModel frozenCopy() {
    return new DecoderModel(
        tensors, rotary, base.frozenCopy(), form, adapter == null ? null : adapter.frozenCopy());
  }

  /** The same model with another adapter; shares memory with this one. */
  DecoderModel with(@Nullable Adapter other) {
    return new DecoderModel(tensors, rotary, base.frozenCopy(), form, other);
  }

  /** The model's own parameters with the adapter added, a copy that the caller closes. */
  Parameters merged() {
    Parameters merged = Parameters.copyOf(base.asMap());
    if (adapter != null) {
      merged.update(vector -> adapter.addTo(merged.viewsInto(vector), tensors));
    }
    return merged;
  }

  @Override
  public void close() {
    base.close();
    if (adapter != null) {
      adapter.parameters().close();
    }
  }
}
