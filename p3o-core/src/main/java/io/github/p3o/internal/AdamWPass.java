package io.github.p3o.internal;

import java.nio.FloatBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * AdamW in float32 on the CPU, in one pass over memory: op by op, parameters, moments and gradient
 * are read and written eleven times.
 *
 * @param scale of the gradient
 * @param beta1 of the first moment
 * @param beta2 of the second moment
 * @param step factor of m / (√v + ε), the corrections of both moments included
 * @param epsilon with the correction of the second moment
 * @param decay factor of the parameters before the step
 */
record AdamWPass(float scale, float beta1, float beta2, float step, float epsilon, float decay) {

  /** Elements that are read, changed and written at a time. */
  private static final int BLOCK = 2048;

  /** Elements of one task of a thread. */
  private static final int TASK = 64 * BLOCK;

  /** Changes parameters and moments; all are {@code [parameters]}. */
  void run(INDArray parameters, INDArray gradient, INDArray firstMoment, INDArray secondMoment) {
    int length = Math.toIntExact(parameters.length());
    FloatBuffer p = RowStep.view(parameters);
    FloatBuffer g = RowStep.view(gradient);
    FloatBuffer m = RowStep.view(firstMoment);
    FloatBuffer v = RowStep.view(secondMoment);
    Tasks.each(
        (length + TASK - 1) / TASK,
        task -> run(p, g, m, v, task * TASK, Math.min(length, (task + 1) * TASK)));
  }

  private void run(FloatBuffer p, FloatBuffer g, FloatBuffer m, FloatBuffer v, int from, int to) {
    float[] parameters = new float[BLOCK];
    float[] gradients = new float[BLOCK];
    float[] first = new float[BLOCK];
    float[] second = new float[BLOCK];
    for (int at = from; at < to; at += BLOCK) {
      int count = Math.min(BLOCK, to - at);
      p.get(at, parameters, 0, count);
      g.get(at, gradients, 0, count);
      m.get(at, first, 0, count);
      v.get(at, second, 0, count);
      update(parameters, gradients, first, second, count);
      p.put(at, parameters, 0, count);
      m.put(at, first, 0, count);
      v.put(at, second, 0, count);
    }
  }

  private void update(float[] p, float[] g, float[] m, float[] v, int count) {
    float scaled = scale;
    float b1 = beta1;
    float b2 = beta2;
    float rate = step;
    float eps = epsilon;
    float kept = decay;
    for (int i = 0; i < count; i++) {
      float gradient = g[i] * scaled;
      float first = b1 * m[i] + (1 - b1) * gradient;
      float second = b2 * v[i] + (1 - b2) * gradient * gradient;
      m[i] = first;
      v[i] = second;
      p[i] = kept * p[i] - rate * first / ((float) Math.sqrt(second) + eps);
    }
  }
}
