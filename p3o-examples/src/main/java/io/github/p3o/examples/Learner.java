package io.github.p3o.examples;

import com.google.common.collect.ImmutableList;
import io.github.p3o.ActorCriticLoss;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PolicyLoss;
import io.github.p3o.transformer.TransformerActorCritic;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.function.BiFunction;

/** How an objective trains a language model. */
@FunctionalInterface
interface Learner {

  /**
   * Trains a policy in place.
   *
   * @param policy has the result when the run is over
   * @param run is given the policy that changes while it is trained, and its trainer
   * @return what the run returns
   */
  ImmutableList<Alignment.Point> train(
      TransformerPolicy policy,
      BiFunction<TransformerPolicy, P3OTrainer.Builder, ImmutableList<Alignment.Point>> run);

  /** By an objective on responses: the policy itself is trained. */
  static Learner of(PolicyLoss loss) {
    return (policy, run) -> run.apply(policy, P3OTrainer.builder(policy, loss));
  }

  /** By an objective on tokens: a copy with a value head is trained, and copied back. */
  static Learner of(ActorCriticLoss loss) {
    return (policy, run) -> {
      try (TransformerActorCritic model = TransformerActorCritic.fromPolicy(policy)) {
        ImmutableList<Alignment.Point> points =
            run.apply(model.policy(), P3OTrainer.builder(model, loss));
        model.exportTo(policy);
        return points;
      }
    };
  }
}
