package io.github.p3o;

/**
 * A distribution over responses to a prompt, whose log-probabilities are a differentiable SameDiff
 * graph. Ready ones: {@link TabularPolicy}, {@link SameDiffPolicy} around a host's own graph, and
 * {@link io.github.p3o.transformer.TransformerPolicy}.
 *
 * <p>A policy is confined to one thread.
 */
public interface Policy extends GraphModel {

  /**
   * A new graph of the log-probabilities of responses, to which an objective is then added. Its
   * placeholders are the parameters and what {@link #feed} gives.
   *
   * @param shape the batch that the graph is for
   * @return the log-probabilities as variables of the new graph
   */
  PolicyGraph build(BatchShape shape);

  /**
   * A copy that stays as it is: the reference policy, or π_old. It shares memory with this policy
   * until this policy's parameters change.
   *
   * @return the frozen copy; close it when done
   */
  Policy frozenCopy();
}
