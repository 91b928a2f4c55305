package io.github.p3o;

import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A distribution over responses to a prompt, whose log-probabilities are a differentiable SameDiff
 * graph. Ready ones: {@link TabularPolicy}, {@link SameDiffPolicy} around a host's own graph, and
 * {@link io.github.p3o.transformer.TransformerPolicy}.
 *
 * <p>A policy is confined to one thread.
 */
public interface Policy extends AutoCloseable {

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
   * @throws IllegalArgumentException if a sequence is too long for the policy, or an id unknown
   */
  BatchShape shape(List<Prompt> prompts, List<Response> responses);

  /**
   * A new graph of the log-probabilities of responses, to which an objective is then added. Its
   * placeholders are the parameters and what {@link #feed} gives.
   *
   * @param shape the batch that the graph is for
   * @return the log-probabilities as variables of the new graph
   */
  PolicyGraph build(BatchShape shape);

  /**
   * What the placeholders of the graph hold for a batch, parameters excepted.
   *
   * @param shape the shape that the graph was built for
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return an array for each placeholder; the caller owns them
   */
  Map<String, INDArray> feed(BatchShape shape, List<Prompt> prompts, List<Response> responses);

  /**
   * A copy that stays as it is: the reference policy, or π_old. It shares memory with this policy
   * until this policy's parameters change.
   *
   * @return the frozen copy; close it when done
   */
  Policy frozenCopy();

  /** Frees the native memory of the parameters, unless a copy still uses it. */
  @Override
  void close();
}
