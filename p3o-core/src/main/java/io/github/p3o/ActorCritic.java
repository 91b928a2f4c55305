package io.github.p3o;

/**
 * A policy that also estimates, before each token of a response, the rewards that are still to
 * come. {@link #parameters} holds those of the estimate too; {@link #build} gives graphs without
 * it, which is all that a reference policy needs. Ready one: {@link
 * io.github.p3o.transformer.TransformerActorCritic}.
 *
 * <p>The tokens of a response are in columns 0 to its length − 1 of every graph.
 */
public interface ActorCritic extends Policy {

  /**
   * A new graph of log-probabilities and values, to which an objective is then added. Its
   * placeholders are the parameters and what {@link #feed} gives.
   *
   * @param shape the batch that the graph is for
   * @return log-probabilities and values as variables of the new graph
   */
  ActorCriticGraph buildWithValues(BatchShape shape);
}
