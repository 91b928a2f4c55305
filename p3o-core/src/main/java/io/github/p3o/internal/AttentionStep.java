package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.nio.FloatBuffer;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@link Attention#causal} in float32, tile by tile: the scores of some queries of one head are
 * computed, turned into weights and used while they lie in the cache, and only against the keys
 * that these queries see (Dao et al., FlashAttention, arXiv 2205.14135). Heads lie where the
 * projections left them, so that nothing is transposed.
 */
final class AttentionStep implements Step {

  private final Heads[] inputs; // queries, keys, values
  private final Heads mixed;
  private final FloatBuffer normalisers; // [B, H, T]

  @SuppressWarnings("UnusedVariable") // keeps alive the memory that the view shows
  private final INDArray normaliserArray;

  /** A step for arrays as {@link Attention#causal} takes them, and {@code [B, H, T]}. */
  AttentionStep(
      INDArray query, INDArray key, INDArray value, INDArray mixed, INDArray normalisers) {
    this.inputs = new Heads[] {new Heads(query), new Heads(key), new Heads(value)};
    this.mixed = new Heads(mixed);
    this.normaliserArray = normalisers;
    this.normalisers = RowStep.view(normalisers);
  }

  /** Adds the step of a node of {@link Attention#STEP} to a program. */
  static boolean emit(Planner planner, Node node) {
    List<String> in = node.inputs();
    INDArray query = planner.array(in.get(0));
    ImmutableList<String> out = node.outputs();
    INDArray mixed = planner.allocate(out.get(0), DataType.FLOAT, query.shape());
    INDArray normalisers =
        planner.allocate(out.get(1), DataType.FLOAT, query.size(0), query.size(2), query.size(1));
    planner.emit(
        new AttentionStep(
            query, planner.array(in.get(1)), planner.array(in.get(2)), mixed, normalisers),
        in);
    return true;
  }

  @Override
  public void setInput(int slot, INDArray array) {
    inputs[slot] = new Heads(array);
  }

  @Override
  public void execute() {
    Heads keys = inputs[1];
    Tasks.each(keys.sequences() * inputs[0].heads(), this::attend);
  }

  /** One head of one sequence. */
  private void attend(int task) {
    int heads = inputs[0].heads();
    int sequence = task / heads;
    int head = task % heads;
    int keyHead = head / (heads / inputs[1].heads());
    FloatMatrix query = inputs[0].of(sequence, head);
    FloatMatrix key = inputs[1].of(sequence, keyHead);
    FloatMatrix value = inputs[2].of(sequence, keyHead);
    FloatMatrix output = mixed.of(sequence, head);
    int tokens = mixed.tokens();
    float[] normaliser = new float[tokens];
    for (int first = 0; first < tokens; first += AttentionTile.ROWS) {
      AttentionTile tile = AttentionTile.of(first, tokens);
      tile.setWeights(query, key, mixed.elements(), normaliser);
      tile.mix(value, output, mixed.elements());
    }
    normalisers.put(task * tokens, normaliser);
  }

  @Override
  public void close() {
    // the arrays belong to the program
  }
}
