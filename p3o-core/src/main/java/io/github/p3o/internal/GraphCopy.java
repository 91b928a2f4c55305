package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Conv2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Pooling3D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling3DConfig;
import org.nd4j.linalg.api.ops.impl.shape.ExpandDims;
import org.nd4j.linalg.api.ops.impl.shape.Squeeze;
import org.nd4j.linalg.api.ops.impl.transforms.custom.LayerNorm;
import org.nd4j.linalg.api.ops.impl.transforms.custom.Reverse;
import org.nd4j.linalg.api.ops.impl.transforms.custom.Standardize;

/**
 * Copies graphs. {@code SameDiff.dup} and {@code load} keep the arguments that native code reads,
 * but of many ops not the fields that their gradient is made from, such as the dimensions of a
 * squeeze: such a graph cannot be differentiated.
 */
public final class GraphCopy {

  /** Where a convolution's and a pooling's arguments have what their gradients would lose. */
  private static final int WEIGHTS_FORMAT = 10;

  private static final int CHANNELS_LAST = 14;

  /** By their numbers in native code. */
  private static final ImmutableList<WeightsFormat> FORMATS =
      ImmutableList.of(WeightsFormat.YXIO, WeightsFormat.OIYX, WeightsFormat.OYXI);

  private GraphCopy() {}

  /**
   * A copy that computes, and whose gradients are, what the graph has. If that was loaded, fields
   * that it lost are made again from the arguments of those ops that hosts use most.
   *
   * @param graph stays as it is
   * @return a graph of its own variables and ops, under the same names
   */
  public static SameDiff of(SameDiff graph) {
    SameDiff copy = graph.dup();
    copy.getOps().forEach((name, op) -> mend(op.getOp(), graph.getOps().get(name)));
    return copy;
  }

  private static void mend(DifferentialFunction copied, @Nullable SameDiffOp original) {
    if (original != null) {
      copySettings(original.getOp(), copied);
    }
    if (copied instanceof DynamicCustomOp custom) {
      restoreSettings(custom);
    }
  }

  private static void copySettings(DifferentialFunction from, DifferentialFunction to) {
    if (from.getClass() != to.getClass()) {
      return; // what dup made of it is the plain op of that name
    }
    Class<?> type = from.getClass();
    while (type != DynamicCustomOp.class && type != BaseOp.class && type != Object.class) {
      for (Field field : type.getDeclaredFields()) {
        if (isSetting(field)) {
          set(field, to, get(field, from));
        }
      }
      type = type.getSuperclass();
    }
    Field dimensions = field(DifferentialFunction.class, "dimensions");
    set(dimensions, to, get(dimensions, from));
  }

  /** Not what belongs to a graph, or to native memory. */
  private static boolean isSetting(Field field) {
    Class<?> type = field.getType();
    Class<?> element = type.isArray() ? type.getComponentType() : type;
    return !Modifier.isStatic(field.getModifiers())
        && !Modifier.isFinal(field.getModifiers())
        && !SameDiff.class.isAssignableFrom(element)
        && !SDVariable.class.isAssignableFrom(element)
        && !INDArray.class.isAssignableFrom(element);
  }

  private static void restoreSettings(DynamicCustomOp op) {
    int[] numbers = Arrays.stream(op.iArgs()).mapToInt(Math::toIntExact).toArray();
    if (numbers.length == 0) {
      return;
    }
    if (op instanceof ExpandDims) {
      set(field(ExpandDims.class, "jaxis"), op, numbers[0]);
    } else if (op instanceof Squeeze) {
      set(field(Squeeze.class, "squeezeDims"), op, numbers);
    } else if (op instanceof Reverse || op instanceof Standardize) {
      set(field(DifferentialFunction.class, "dimensions"), op, numbers);
    } else if (op instanceof LayerNorm) {
      set(field(DifferentialFunction.class, "dimensions"), op, numbers);
      set(field(LayerNorm.class, "noBias"), op, op.args().length == 2);
      set(field(LayerNorm.class, "channelsFirst"), op, op.bArgs().length > 0 && op.bArgs()[0]);
    } else if (op instanceof Conv2D conv && numbers.length > WEIGHTS_FORMAT) {
      conv.getConfig().setWeightsFormat(FORMATS.get(numbers[WEIGHTS_FORMAT]));
    } else if (op instanceof Pooling3D && numbers.length > CHANNELS_LAST) {
      Pooling3DConfig config = (Pooling3DConfig) get(field(Pooling3D.class, "config"), op);
      if (config != null) {
        config.setNCDHW(numbers[CHANNELS_LAST] == 0);
      }
    }
  }

  private static Field field(Class<?> type, String name) {
    try {
      return type.getDeclaredField(name);
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }

  private static @Nullable Object get(Field field, DifferentialFunction of) {
    try {
      field.setAccessible(true);
      return field.get(of);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void set(Field field, DifferentialFunction of, @Nullable Object value) {
    try {
      field.setAccessible(true);
      field.set(of, value);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
