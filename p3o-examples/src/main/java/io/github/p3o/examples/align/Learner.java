package io.github.p3o.examples.align;

import io.github.p3o.ActorCriticLoss;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Parameters;
import io.github.p3o.PolicyLoss;
import io.github.p3o.PolicyLoss.RewardView;
import io.github.p3o.TabularPolicy;
import io.github.p3o.transformer.TransformerActorCritic;
import io.github.p3o.transformer.TransformerPolicy;
import java.util.function.BiFunction;

/** How an objective trains a policy. */
public interface Learner {

  /**
   * A policy that is being trained.
   *
   * @param parameters change while it is trained
   * @param sampler draws from the policy as it is
   */
  record Trained(Parameters parameters, PairSampler sampler) {}

  /** The objective's name. */
  String name();

  /** What the objective sees of the rewards. */
  RewardView rewardView();

  /**
   * Trains a language model in place.
   *
   * @param policy has the result when the run is over
   * @param run is given the policy that changes while it is trained, and its trainer
   * @return what the run returns
   */
  <R> R train(TransformerPolicy policy, BiFunction<TransformerPolicy, P3OTrainer.Builder, R> run);

  /** Trains a table of choices for each context, all of them equally likely at first. */
  <R> R train(int contexts, int choices, BiFunction<Trained, P3OTrainer.Builder, R> run);

  /** By an objective on responses: the policy itself is trained. */
  static Learner of(PolicyLoss loss) {
    return new OnResponses(loss);
  }

  /** By an objective on tokens: a copy with values is trained, and copied back. */
  static Learner of(ActorCriticLoss loss) {
    return new OnTokens(loss);
  }

  /** An objective on responses. */
  record OnResponses(PolicyLoss loss) implements Learner {

    @Override
    public String name() {
      return loss.name();
    }

    @Override
    public RewardView rewardView() {
      return loss.rewardView();
    }

    @Override
    public <R> R train(
        TransformerPolicy policy, BiFunction<TransformerPolicy, P3OTrainer.Builder, R> run) {
      return run.apply(policy, P3OTrainer.builder(policy, loss));
    }

    @Override
    public <R> R train(int contexts, int choices, BiFunction<Trained, P3OTrainer.Builder, R> run) {
      try (TabularPolicy policy = TabularPolicy.uniform(contexts, choices)) {
        return run.apply(
            new Trained(policy.parameters(), policy), P3OTrainer.builder(policy, loss));
      }
    }
  }

  /** An objective on tokens. */
  record OnTokens(ActorCriticLoss loss) implements Learner {

    @Override
    public String name() {
      return loss.name();
    }

    @Override
    public RewardView rewardView() {
      return RewardView.VALUES;
    }

    @Override
    public <R> R train(
        TransformerPolicy policy, BiFunction<TransformerPolicy, P3OTrainer.Builder, R> run) {
      try (TransformerActorCritic model = TransformerActorCritic.fromPolicy(policy)) {
        R result = run.apply(model.policy(), P3OTrainer.builder(model, loss));
        model.exportTo(policy);
        return result;
      }
    }

    @Override
    public <R> R train(int contexts, int choices, BiFunction<Trained, P3OTrainer.Builder, R> run) {
      try (ValuedTable table = new ValuedTable(contexts, choices)) {
        return run.apply(
            new Trained(table.policy().parameters(), table),
            P3OTrainer.builder(table.policy(), loss));
      }
    }
  }
}
