package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.nio.FloatBuffer;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link AttentionStep}. Weights are computed again, since reading them from
 * memory would take about as long, and all of them together may need more than all else.
 */
final class AttentionGradientStep implements Step {

  private static final int NORMALISERS = 3;

  private final INDArray[] arrays; // queries, keys, values, normalisers, gradient of the output
  private final Heads[] heads; // the same but the normalisers
  private FloatBuffer normalisers;
  private final Heads toQuery;
  private final Heads toKey;
  private final Heads toValue;

  /** A step for the inputs of {@link AttentionStep}, its normalisers and its output's gradient. */
  AttentionGradientStep(INDArray[] inputs, INDArray toQuery, INDArray toKey, INDArray toValue) {
    this.arrays = inputs.clone();
    this.heads = new Heads[inputs.length];
    this.normalisers = RowStep.view(inputs[NORMALISERS]);
    for (int slot = 0; slot < inputs.length; slot++) {
      setInput(slot, inputs[slot]);
    }
    this.toQuery = new Heads(toQuery);
    this.toKey = new Heads(toKey);
    this.toValue = new Heads(toValue);
  }

  /** Adds the step of a node of {@link Attention#GRADIENT_STEP} to a program. */
  static boolean emit(Planner planner, Node node) {
    List<String> in = node.inputs();
    INDArray[] inputs = in.stream().map(planner::array).toArray(INDArray[]::new);
    ImmutableList<String> out = node.outputs();
    INDArray[] gradients = new INDArray[out.size()];
    for (int i = 0; i < gradients.length; i++) {
      gradients[i] = planner.allocate(out.get(i), DataType.FLOAT, inputs[i].shape());
    }
    planner.emit(new AttentionGradientStep(inputs, gradients[0], gradients[1], gradients[2]), in);
    return true;
  }

  @Override
  public void setInput(int slot, INDArray array) {
    arrays[slot] = array;
    if (slot == NORMALISERS) {
      normalisers = RowStep.view(array);
    } else {
      heads[slot] = new Heads(array);
    }
  }

  @Override
  public void execute() {
    Tasks.each(toKey.sequences() * toKey.heads(), this::differentiate);
  }

  /** One key head of one sequence, and the query heads that read it. */
  private void differentiate(int task) {
    int sequence = task / toKey.heads();
    int keyHead = task % toKey.heads();
    int group = toQuery.heads() / toKey.heads();
    toKey.clear(sequence, keyHead);
    toValue.clear(sequence, keyHead);
    for (int i = 0; i < group; i++) {
      differentiate(sequence, keyHead, keyHead * group + i);
    }
  }

  private void differentiate(int sequence, int keyHead, int head) {
    FloatMatrix query = heads[0].of(sequence, head);
    FloatMatrix key = heads[1].of(sequence, keyHead);
    FloatMatrix value = heads[2].of(sequence, keyHead);
    FloatMatrix gradient = heads[4].of(sequence, head);
    int tokens = toQuery.tokens();
    int size = toQuery.elements();
    float[] normaliser = new float[tokens];
    normalisers.get((sequence * toQuery.heads() + head) * tokens, normaliser);
    for (int first = 0; first < tokens; first += AttentionTile.ROWS) {
      AttentionTile tile = AttentionTile.of(first, tokens);
      tile.restoreWeights(query, key, size, normaliser);
      tile.setSlopes(gradient, value, size);
      tile.addGradients(
          query,
          key,
          gradient,
          toQuery.of(sequence, head),
          toKey.of(sequence, keyHead),
          toValue.of(sequence, keyHead),
          size);
    }
  }

  @Override
  public void close() {
    // the arrays belong to the program
  }
}
