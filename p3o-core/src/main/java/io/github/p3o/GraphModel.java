package io.github.p3o;

import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What {@link Policy} and {@link TrainableRewardModel} have in common: parameters, and how a batch
 * of prompts and responses is fed to a SameDiff graph of one shape.
 */
public interface GraphModel extends AutoCloseable {

  /**
   * The trainable parameters. The model's graphs read each of them from a variable of the same
   * name. A trainer refuses those that its loss does not read: without a gradient, weight decay
   * alone would move them.
   *
   * @return the live parameters, not a copy
   */
  Parameters parameters();

  /**
   * Further parameters that the graphs read by name and that nobody trains, such as the model that
   * a low-rank adapter is added to. They are read where they lie, without a copy.
   *
   * @return none by default
   */
  default Map<String, INDArray> frozenParameters() {
    return Map.of();
  }

  /**
   * The shape of the graph that serves these responses.
   *
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return the shape, padding included
   * @throws IllegalArgumentException if a sequence is too long for the model, or an id unknown
   */
  BatchShape shape(List<Prompt> prompts, List<Response> responses);

  /**
   * What the placeholders of the graph hold for a batch, parameters excepted.
   *
   * @param shape the shape that the graph was built for
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return a new array for each placeholder; the caller closes them
   */
  Map<String, INDArray> feed(BatchShape shape, List<Prompt> prompts, List<Response> responses);

  /** Frees the native memory of the parameters, unless a copy still uses it. */
  @Override
  void close();
}
