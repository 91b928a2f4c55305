package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import com.google.common.primitives.Longs;
import io.github.p3o.NonFiniteException;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Parameters;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.updaters.AdamUpdater;
import org.nd4j.linalg.factory.Nd4j;

/**
 * AdamW on all parameters at once: θ ← θ − lr (m̂ / (√v̂ + ε) + λ θ), with moments of the clipped
 * gradient (Loshchilov &amp; Hutter, arXiv 1711.05101, Algorithm 2, as PyTorch's).
 */
public final class AdamW implements AutoCloseable {

  private static final String PARAMETER = "parameters/";
  private static final String FIRST_MOMENT = "adamw/first_moment";
  private static final String SECOND_MOMENT = "adamw/second_moment";

  private final Parameters parameters;
  private final OptimizerConfig config;
  private final INDArray firstMoment;
  private final INDArray secondMoment;
  private long updates;

  /** An optimiser of these parameters, its moments 0; refuses frozen ones. */
  public AdamW(Parameters parameters, OptimizerConfig config) {
    checkArgument(!parameters.isFrozen(), "parameters: expected trainable ones, got frozen ones");
    this.parameters = parameters;
    this.config = config;
    this.firstMoment = Nd4j.create(parameters.dataType(), parameters.count());
    this.secondMoment = Nd4j.create(parameters.dataType(), parameters.count());
  }

  /**
   * Clips the gradient and updates the parameters. The gradient is used up.
   *
   * @param gradient {@code [parameters]}, overwritten
   * @return the norm of the gradient before clipping
   * @throws IllegalArgumentException for a closed gradient, or one of another length or type
   * @throws NonFiniteException if the norm is not finite; nothing was changed then
   */
  public double update(INDArray gradient) {
    checkOpen();
    checkGradient(gradient);
    double norm = norm(gradient);
    if (!Double.isFinite(norm)) {
      throw new NonFiniteException(
          "gradient: expected finite values, got norm " + norm + "; the parameters are unchanged");
    }
    double scale = norm > config.maxGradientNorm() ? config.maxGradientNorm() / norm : 1;
    double rate = config.learningRateAt(updates);
    if (parameters.dataType() == DataType.FLOAT
        && Fusion.isOnCpu()
        && gradient.length() <= Fusion.MAX_LENGTH) {
      AdamWPass pass = pass(scale, rate);
      INDArray dense = gradient.stride(0) == 1 ? gradient : gradient.dup();
      parameters.update(vector -> pass.run(vector, dense, firstMoment, secondMoment));
    } else if (rate > 0) {
      parameters.update( // takes memory for new parameters, before anything is changed
          vector -> {
            turnIntoStep(gradient.muli(scale), rate);
            vector.muli(1 - rate * config.weightDecay());
            vector.subi(gradient);
          });
    } else { // ND4J takes ε for a rate of 0
      turnIntoStep(gradient.muli(scale), rate);
    }
    updates++;
    return norm;
  }

  /** The norm of a gradient, in whatever thread. */
  public static double norm(INDArray gradient) {
    DeviceThread.prepare();
    return gradient.norm2Number().doubleValue();
  }

  /** √(1 − β₂ᵗ), by which √v is smaller than √v̂. */
  private double correction() {
    return Math.sqrt(1 - Math.pow(config.beta2(), updates + 1.0));
  }

  private AdamWPass pass(double scale, double rate) {
    return new AdamWPass(
        (float) scale,
        (float) config.beta1(),
        (float) config.beta2(),
        (float) (rate * correction() / (1 - Math.pow(config.beta1(), updates + 1.0))),
        (float) (config.epsilon() * correction()),
        (float) (1 - rate * config.weightDecay()));
  }

  /** Updates the moments and overwrites the gradient with lr m̂ / (√v̂ + ε). */
  private void turnIntoStep(INDArray gradient, double rate) {
    // ND4J adds ε to √v and not to √v̂; scaled like this the two are the same.
    Nd4j.exec(
        new AdamUpdater(
            gradient,
            secondMoment,
            firstMoment,
            rate,
            config.beta1(),
            config.beta2(),
            config.epsilon() * correction(),
            Math.toIntExact(updates)));
  }

  /** It is closed with the trainer. */
  private void checkOpen() {
    checkState(!firstMoment.wasClosed(), "trainer: expected an open one, got one that was closed");
  }

  private void checkGradient(INDArray gradient) {
    checkArgument(!gradient.wasClosed(), "gradient: expected an open array, got a closed one");
    checkArgument(
        gradient.rank() == 1
            && gradient.length() == parameters.count()
            && gradient.dataType() == parameters.dataType(),
        "gradient: expected %s [%s], got %s %s",
        parameters.dataType(),
        parameters.count(),
        gradient.dataType(),
        Arrays.toString(gradient.shape()));
  }

  /** The learning rate of the next update. */
  public double learningRate() {
    return config.learningRateAt(updates);
  }

  /** How many updates there were. */
  public long updates() {
    return updates;
  }

  /** The parameters by name and both moments, the live ones. */
  public ImmutableMap<String, INDArray> tensors() {
    checkOpen();
    ImmutableMap.Builder<String, INDArray> tensors = ImmutableMap.builder();
    parameters.asMap().forEach((name, array) -> tensors.put(PARAMETER + name, array));
    return tensors.put(FIRST_MOMENT, firstMoment).put(SECOND_MOMENT, secondMoment).buildOrThrow();
  }

  /**
   * Refuses what {@link #restore} could not take.
   *
   * @throws IllegalArgumentException names the tensor
   */
  public void check(Map<String, INDArray> saved) {
    ImmutableMap<String, INDArray> now = tensors();
    Settings.checkSame(
        Maps.transformValues(saved, AdamW::form), Maps.transformValues(now, AdamW::form));
  }

  private static String form(INDArray tensor) {
    return tensor.dataType() + " " + Arrays.toString(tensor.shape());
  }

  /**
   * Reads a number of updates.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static long updates(@Nullable String text) {
    Long updates = text == null ? null : Longs.tryParse(text);
    checkArgument(updates != null && updates >= 0, "updates: expected a number >= 0, got %s", text);
    return updates;
  }

  /**
   * Goes back to what {@link #tensors} and {@link #updates} were.
   *
   * @throws IllegalArgumentException as {@link #check}; nothing was changed then
   */
  public void restore(Map<String, INDArray> saved, long updatesDone) {
    check(saved);
    parameters.update(
        vector ->
            parameters
                .viewsInto(vector)
                .forEach((name, view) -> view.assign(Result.array(saved, PARAMETER + name))));
    firstMoment.assign(Result.array(saved, FIRST_MOMENT));
    secondMoment.assign(Result.array(saved, SECOND_MOMENT));
    updates = updatesDone;
  }

  @Override
  public void close() {
    firstMoment.close();
    secondMoment.close();
  }
}
