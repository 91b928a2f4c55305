package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.github.p3o.Parameters;
import java.nio.file.Path;
import java.util.Set;
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
    if (adapter == null) {
      return ImmutableMap.of();
    }
    Set<String> trained = adapter.parameters().names();
    return ImmutableMap.copyOf(Maps.filterKeys(base.asMap(), name -> !trained.contains(name)));
  }

  /** All that the graphs read. */
  ImmutableMap<String, INDArray> all() {
    return ImmutableMap.<String, INDArray>builder()
        .putAll(frozen())
        .putAll(parameters().asMap())
        .buildOrThrow();
  }

  /** An adapter is added to a model that has none. */
  void checkNoAdapter() {
    checkState(adapter == null, "adapter: expected none yet, got one; merged() makes it part");
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

  /** Writes the tensors of some names, an adapter merged. */
  void write(Path directory, Precision precision, Set<String> names) {
    try (Parameters whole = adapter == null ? base.frozenCopy() : merged()) {
      CheckpointWriter.write(
          directory, Maps.filterKeys(whole.asMap(), names::contains), form, precision);
    }
  }

  @Override
  public void close() {
    base.close();
    if (adapter != null) {
      adapter.parameters().close();
    }
  }
}
