package io.github.p3o.transformer;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Ops;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Graphs of what a model thinks of given responses, and what is fed to them.
 *
 * @param model whose layers they have
 * @param temperature that logits are divided by
 */
record ResponseGraphs(DecoderModel model, double temperature) {

  /** Log-probabilities of responses. */
  PolicyGraph build(BatchShape shape) {
    DecoderGraph layers = layers(shape);
    return head(layers, hidden(layers, shape), shape);
  }

  /** The same with a value before each token, {@code score.weight · h}, of parameters with it. */
  ActorCriticGraph buildWithValues(BatchShape shape) {
    DecoderGraph layers = layers(shape);
    SDVariable hidden = hidden(layers, shape);
    SDVariable values = Ops.matmulTransposed(hidden, layers.parameter(DecoderTensors.SCORE));
    return new ActorCriticGraph(
        head(layers, hidden, shape),
        Ops.reshape(values, shape.sequences(), shape.responseTokens()));
  }

  private DecoderGraph layers(BatchShape shape) {
    return new DecoderGraph(SameDiff.create(), model, shape.sequences(), shape.tokens());
  }

  /** The hidden state before each response token, one a row. */
  private static SDVariable hidden(DecoderGraph layers, BatchShape shape) {
    long rows = (long) shape.sequences() * shape.responseTokens();
    return layers.hidden(layers.graph().placeHolder(DecoderInputs.POSITIONS, DataType.INT32, rows));
  }

  private PolicyGraph head(DecoderGraph layers, SDVariable states, BatchShape shape) {
    SameDiff graph = layers.graph();
    long rows = (long) shape.sequences() * shape.responseTokens();
    SDVariable targets = graph.placeHolder(DecoderInputs.TARGETS, DataType.INT32, rows);
    SDVariable mask =
        graph.placeHolder(
            DecoderInputs.RESPONSE_MASK,
            DataType.DOUBLE,
            shape.sequences(),
            shape.responseTokens());
    SDVariable hidden = Ops.multiply(states, 1 / temperature);
    SDVariable output = layers.parameter(model.tensors().output());
    SDVariable logits = Ops.matmulTransposed(hidden, output);
    // One row of the output layer for each target: a one-hot mask would be as large as the logits.
    SDVariable chosen = Ops.sumKeeping(Ops.multiply(hidden, Ops.rows(output, targets)), 1);
    SDVariable each = Ops.subtract(chosen, Ops.logSumExp(logits));
    SDVariable grid = Ops.reshape(each, shape.sequences(), shape.responseTokens());
    SDVariable ofTokens = Ops.multiply(Ops.cast(grid, DataType.DOUBLE), mask);
    return new PolicyGraph(Ops.sum(ofTokens, 1), ofTokens, mask);
  }

  /** What the placeholders hold. */
  Map<String, INDArray> feed(BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    Map<String, INDArray> feed = new HashMap<>();
    int[] ids = DecoderInputs.ids(model.config(), shape, prompts, responses);
    DecoderInputs.feedModel(feed, model, shape.tokens(), ids);
    int[] positions = new int[shape.sequences() * shape.responseTokens()];
    int[] targets = new int[positions.length];
    double[] mask = new double[positions.length];
    for (int i = 0; i < shape.sequences(); i++) {
      ImmutableIntArray response = responses.get(i).tokens();
      // The hidden state of the token before predicts a token.
      int first = i * shape.tokens() + prompts.get(i).tokens().length() - 1;
      for (int j = 0; j < response.length(); j++) {
        int row = i * shape.responseTokens() + j;
        positions[row] = first + j;
        targets[row] = response.get(j);
        mask[row] = 1;
      }
    }
    feed.put(DecoderInputs.POSITIONS, Nd4j.createFromArray(positions));
    feed.put(DecoderInputs.TARGETS, Nd4j.createFromArray(targets));
    feed.put(
        DecoderInputs.RESPONSE_MASK,
        Nd4j.create(mask, new long[] {shape.sequences(), shape.responseTokens()}, 'c'));
    return feed;
  }
}
