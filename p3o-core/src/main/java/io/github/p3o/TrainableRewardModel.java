package io.github.p3o;

import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A reward model whose score is a differentiable SameDiff graph, to be fitted to comparisons. */
public interface TrainableRewardModel extends RewardModel, AutoCloseable {

  /**
   * The trainable parameters. The graph of {@link #build} reads each of them from a variable of the
   * same name.
   *
   * @return the live parameters, not a copy
   */
  Parameters parameters();

  /**
   * The shape of the graph that serves these responses.
   *
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return the shape, padding included
   * @throws IllegalArgumentException if a sequence is too long, or an id unknown
   */
  BatchShape shape(List<Prompt> prompts, List<Response> responses);

  /**
   * A new graph of the scores of responses, to which an objective is then added.
   *
   * @param shape the batch that the graph is for
   * @return scores {@code [sequences]}, a variable of the new graph
   */
  SDVariable build(BatchShape shape);

  /**
   * What the placeholders of the graph hold for a batch, parameters excepted.
   *
   * @param shape the shape that the graph was built for
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return an array for each placeholder; the caller owns them
   */
  Map<String, INDArray> feed(BatchShape shape, List<Prompt> prompts, List<Response> responses);

  /** Frees the native memory of the parameters. */
  @Override
  void close();
}
