package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.github.p3o.Parameters;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model's tensors and their live values.
 *
 * @param tensors names and layout
 * @param rotary null for learned positions
 * @param fixed the model's own parameters that are not trained, but for those that {@code trained}
 *     has too; null if there are none
 * @param trained the model's own parameters, or some of them, or an adapter's
 * @param form how the checkpoint was stored that the parameters were read from
 * @param lora of the adapter that is added to the fixed parameters; null if there is none
 */
record DecoderModel(
    DecoderTensors tensors,
    @Nullable RotaryTables rotary,
    @Nullable Parameters fixed,
    Parameters trained,
    StoredForm form,
    @Nullable LoraConfig lora)
    implements AutoCloseable {

  /** A model that is trained as a whole. */
  DecoderModel(DecoderTensors tensors, Parameters parameters, StoredForm form) {
    this(
        tensors,
        tensors
            .config()
            .rotary()
            .map(rotary -> new RotaryTables(tensors.config().headSize(), rotary))
            .orElse(null),
        null,
        parameters,
        form,
        null);
  }

  DecoderConfig config() {
    return tensors.config();
  }

  DataType type() {
    return trained.dataType();
  }

  /** What is added to the model's own parameters; null if nothing is. */
  @Nullable Adapter adapter() {
    return lora == null ? null : new Adapter(lora, trained);
  }

  /** The type that a checkpoint of this model says it is of: that of its embedding. */
  TensorType writtenType(Precision precision) {
    String name = tensors.embedding();
    return form.type(name, parameter(name), precision);
  }

  /** One of the parameters that the graphs read. */
  INDArray parameter(String name) {
    return fixed == null || trained.names().contains(name) ? trained.get(name) : fixed.get(name);
  }

  /** What the graphs read and nobody trains. */
  ImmutableMap<String, INDArray> frozen() {
    return fixed == null
        ? ImmutableMap.of()
        : ImmutableMap.copyOf(
            Maps.filterKeys(fixed.asMap(), name -> !trained.names().contains(name)));
  }

  /** All that the graphs read. */
  ImmutableMap<String, INDArray> all() {
    return ImmutableMap.<String, INDArray>builder()
        .putAll(frozen())
        .putAll(trained.asMap())
        .buildOrThrow();
  }

  /** An adapter is added to a model that is trained as a whole, and so is freezing. */
  void checkWhole() {
    checkState(lora == null, "adapter: expected none yet, got one; merged() makes it part");
    checkState(fixed == null, "frozen: expected no parameters yet, got %s", frozen().keySet());
  }

  DecoderModel frozenCopy() {
    return with(fixed == null ? null : fixed.frozenCopy(), trained.frozenCopy(), lora);
  }

  /** The same model with an adapter, which alone is trained; shares memory with this one. */
  DecoderModel with(Adapter adapter) {
    return with(trained.frozenCopy(), adapter.parameters(), adapter.config());
  }

  /** The same model with the adapter off, frozen; shares memory with this one. */
  DecoderModel withoutAdapter() {
    checkState(fixed != null && lora != null, "adapter: expected one, got none");
    return with(null, fixed.frozenCopy(), null);
  }

  /**
   * A model with some of the parameters frozen: copies, so that those of this one need not be kept.
   * Those that nobody can change, as in a mapped file, are shared; what is trained is a copy.
   */
  DecoderModel withFrozen(FreezeConfig config) {
    checkWhole();
    config.check(trained.names());
    Map<String, INDArray> own = trained.asMap();
    return with(
        trained.isFrozen()
            ? trained.frozenCopy()
            : Parameters.copyOf(Maps.filterKeys(own, config::freezes)),
        Parameters.copyOf(Maps.filterKeys(own, name -> !config.freezes(name))),
        null);
  }

  /**
   * A copy of what is trained, beside which a head of one row is trained, in place of the model's
   * own if it has one; shares what is fixed with this one.
   */
  DecoderModel withHead(INDArray head) {
    Map<String, INDArray> more = new LinkedHashMap<>(trained.asMap());
    more.put(DecoderTensors.SCORE, head);
    return with(fixed == null ? null : fixed.frozenCopy(), Parameters.copyOf(more), lora);
  }

  private DecoderModel with(
      @Nullable Parameters newFixed, Parameters newTrained, @Nullable LoraConfig newLora) {
    return new DecoderModel(tensors, rotary, newFixed, newTrained, form, newLora);
  }

  /** The model's own tensors of some names, trained or not, in their usual order. */
  private Map<String, INDArray> own(Set<String> names) {
    Map<String, INDArray> own = new LinkedHashMap<>();
    ImmutableMap<String, INDArray> all = all();
    for (String name : tensors.all().keySet()) {
      INDArray tensor = all.get(name);
      if (tensor != null && names.contains(name)) {
        own.put(name, tensor);
      }
    }
    return own;
  }

  /** The model's own tensors of some names with the adapter added, a copy to be closed. */
  Parameters merged(Set<String> names) {
    Parameters merged = Parameters.copyOf(own(names));
    Adapter adapter = adapter();
    if (adapter != null) {
      merged.update(vector -> adapter.addTo(merged.viewsInto(vector), tensors));
    }
    return merged;
  }

  /** Writes the tensors of some names, an adapter merged. */
  void write(Path directory, Precision precision, Set<String> names) {
    if (lora == null) {
      CheckpointWriter.write(directory, own(names), form, precision);
      return;
    }
    try (Parameters merged = merged(names)) {
      CheckpointWriter.write(directory, merged.asMap(), form, precision);
    }
  }

  @Override
  public void close() {
    trained.close();
    if (fixed != null) {
      fixed.close();
    }
  }
}
