package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Backend;
import io.github.p3o.Parameters;
import io.github.p3o.internal.FloatMatrix;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Where the parameters of a model come from and go to. */
final class DecoderParameters {

  /** GPT-2's and LLaMA's own; a residual stream that grows with depth is held back by 1/√(2L). */
  private static final double INITIAL_DEVIATION = 0.02;

  private DecoderParameters() {}

  /** Normal weights, norms of 1, biases of 0. The same seed gives the same weights. */
  static DecoderModel random(
      DecoderConfig config,
      Function<DecoderTensors, ImmutableMap<String, ImmutableLongArray>> wanted,
      DataType type,
      long seed) {
    checkType(type);
    DecoderTensors tensors = DecoderTensors.of(config);
    Random random = new Random(seed); // its normal distribution is the same on every JDK
    double residual = INITIAL_DEVIATION / Math.sqrt(2.0 * config.layers());
    ImmutableMap<String, ImmutableLongArray> shapes = wanted.apply(tensors);
    Parameters parameters =
        collect(
            type,
            shapes,
            (name, shape) -> {
              double deviation = tensors.isOntoResidual(name) ? residual : INITIAL_DEVIATION;
              double[] values = new double[Math.toIntExact(length(shape))];
              for (int i = 0; i < values.length; i++) {
                values[i] =
                    shape.length() > 1
                        ? deviation * random.nextGaussian()
                        : name.endsWith(".bias") ? 0 : 1;
              }
              return NativeArrays.of(type, values, shape.toArray());
            });
    return new DecoderModel(tensors, parameters, StoredForm.NEW);
  }

  static void checkType(DataType type) {
    checkArgument(
        type == DataType.FLOAT || type == DataType.DOUBLE,
        "type: expected FLOAT or DOUBLE, got %s",
        type);
  }

  private static long length(ImmutableLongArray shape) {
    return shape.stream().reduce(1, Math::multiplyExact);
  }

  /**
   * Reads a checkpoint.
   *
   * @throws CheckpointException if a tensor is missing, has another shape, or is not known: a model
   *     that has more than this one would not be the same model without it
   */
  static DecoderModel read(
      Path directory,
      Function<DecoderTensors, ImmutableMap<String, ImmutableLongArray>> wanted,
      DataType type) {
    checkType(type);
    DecoderConfig config = DecoderConfig.read(directory);
    try (TensorSource source = TensorSource.open(directory)) {
      return read(directory, config, source, wanted, type);
    }
  }

  /**
   * A checkpoint whose parameters are its files' own pages, frozen.
   *
   * @throws CheckpointException as {@link #read}, or for a tensor that cannot be mapped; all of
   *     them are looked at before anything is mapped
   * @throws IllegalStateException if arrays of the backend do not lie where the JVM maps files
   */
  static DecoderModel map(
      Path directory, Function<DecoderTensors, ImmutableMap<String, ImmutableLongArray>> wanted) {
    Backend.start();
    checkState(
        FloatMatrix.reaches(DataType.FLOAT),
        "backend: expected the CPU's to map a checkpoint, got %s; load reads it",
        Nd4j.getExecutioner().type());
    DecoderConfig config = DecoderConfig.read(directory);
    try (TensorSource source = TensorSource.open(directory)) {
      return model(
          directory,
          config,
          source,
          wanted,
          shapes -> {
            shapes.keySet().forEach(source::checkMappable);
            return Parameters.frozenInPlace(Maps.toMap(shapes.keySet(), source::map));
          });
    }
  }

  /** Memory is taken once, for all parameters, and each is read to its place. */
  static DecoderModel read(
      Path directory,
      DecoderConfig config,
      TensorSource source,
      Function<DecoderTensors, ImmutableMap<String, ImmutableLongArray>> wanted,
      DataType type) {
    return model(
        directory,
        config,
        source,
        wanted,
        shapes -> Parameters.filled(type, shapes, source::readInto));
  }

  private static DecoderModel model(
      Path directory,
      DecoderConfig config,
      TensorSource source,
      Function<DecoderTensors, ImmutableMap<String, ImmutableLongArray>> wanted,
      Function<ImmutableMap<String, ImmutableLongArray>, Parameters> values) {
    if (config.layers() > source.names().size()) {
      throw new CheckpointException(
          directory,
          "layers: expected no more than the " + source.names().size() + " tensors that there are",
          config.layers());
    }
    DecoderTensors tensors = DecoderTensors.of(config, source.names());
    ImmutableMap<String, ImmutableLongArray> shapes = wanted.apply(tensors);
    refuseUnknown(directory, tensors, Sets.difference(source.names(), shapes.keySet()));
    // All of them before any is read: a shape that cannot be is refused before memory is taken.
    shapes.forEach((name, shape) -> checkShape(directory, source, name, shape));
    return new DecoderModel(tensors, values.apply(shapes), source.form());
  }

  static void checkShape(
      Path directory, TensorSource source, String name, ImmutableLongArray shape) {
    if (!source.shape(name).equals(shape)) {
      throw new CheckpointException(
          directory, name + ".shape: expected " + shape, source.shape(name));
    }
  }

  private static void refuseUnknown(Path directory, DecoderTensors tensors, Set<String> unknown) {
    for (String name : unknown) {
      if (!tensors.isDerived(name)) {
        throw new CheckpointException(
            directory,
            "tensors: expected those of a " + tensors.config().architecture() + " model",
            name);
      }
    }
  }

  /** One array after another. */
  static Parameters collect(
      DataType type,
      Map<String, ImmutableLongArray> shapes,
      BiFunction<String, ImmutableLongArray, INDArray> origin) {
    return Parameters.filled(
        type,
        shapes,
        (name, view) -> {
          try (INDArray array = origin.apply(name, ImmutableLongArray.copyOf(view.shape()))) {
            view.assign(array);
          }
        });
  }
}
