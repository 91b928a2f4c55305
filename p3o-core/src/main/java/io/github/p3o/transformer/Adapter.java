package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Parameters;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A low-rank addition to some products of a model: {@code W + α/r · B A}, with A {@code [r,
 * inputs]} and B {@code [outputs, r]}, named as PEFT does.
 *
 * @param config rank, scale and targets
 * @param parameters A and B of each target, and a head that is trained beside them if there is one
 */
record Adapter(LoraConfig config, Parameters parameters) {

  static final String PREFIX = "base_model.model.";

  /** What GPT-2's own checkpoints leave out of names, and PEFT does not. */
  private static final String BASE_OF_GPT2 = "transformer.";

  /** The name of A. */
  static String down(Linear linear) {
    return PREFIX + module(linear) + ".lora_A.weight";
  }

  /** The name of B. */
  static String up(Linear linear) {
    return PREFIX + module(linear) + ".lora_B.weight";
  }

  private static String module(Linear linear) {
    return linear.module().startsWith("h.") ? BASE_OF_GPT2 + linear.module() : linear.module();
  }

  /**
   * An adapter that changes nothing yet: B is 0, A uniform within ±1/√inputs as PEFT makes it.
   *
   * @throws IllegalArgumentException for a target that the model does not have
   */
  static Adapter random(DecoderTensors tensors, LoraConfig config, DataType type, long seed) {
    config.checkTargets(tensors);
    Random random = new Random(seed); // the same on every JDK
    Parameters parameters =
        DecoderParameters.collect(
            type,
            shapes(tensors, config),
            (name, shape) -> {
              double[] values = new double[Math.toIntExact(shape.get(0) * shape.get(1))];
              if (name.endsWith(".lora_A.weight")) {
                double bound = 1 / Math.sqrt((double) shape.get(1));
                Arrays.setAll(values, i -> bound * (2 * random.nextDouble() - 1));
              }
              return NativeArrays.of(type, values, shape.toArray());
            });
    return new Adapter(config, parameters);
  }

  /** Whether a product is added to. */
  boolean adapts(Linear linear) {
    return parameters.names().contains(down(linear));
  }

  /** Shapes by name of A and B of each target. */
  static ImmutableMap<String, ImmutableLongArray> shapes(
      DecoderTensors tensors, LoraConfig config) {
    ImmutableMap.Builder<String, ImmutableLongArray> shapes = ImmutableMap.builder();
    for (DecoderTensors.Layer layer : tensors.layers()) {
      for (Linear linear : layer.linears()) {
        if (config.targets(linear.module())) {
          shapes.put(down(linear), ImmutableLongArray.of(config.rank(), linear.inputs()));
          shapes.put(up(linear), ImmutableLongArray.of(linear.outputs(), config.rank()));
        }
      }
    }
    return shapes.buildOrThrow();
  }

  /** {@code α/r · B A}, {@code [outputs, inputs]}; the caller closes it. */
  INDArray difference(Linear linear) {
    return parameters.get(up(linear)).mmul(parameters.get(down(linear))).muli(config.scale());
  }

  /** Adds to the matrices of a model what this adapter does. */
  void addTo(Map<String, INDArray> weights, DecoderTensors tensors) {
    for (DecoderTensors.Layer layer : tensors.layers()) {
      for (Linear linear : layer.linears()) {
        INDArray weight = weights.get(linear.weight());
        if (weight != null && adapts(linear)) {
          try (INDArray difference = difference(linear)) {
            boolean plain = linear.order() == Linear.Order.OUTPUTS_FIRST;
            weight.addi(plain ? difference : difference.transpose());
          }
        }
      }
    }
  }
}
