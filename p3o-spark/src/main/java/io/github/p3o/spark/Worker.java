package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Gradients;
import io.github.p3o.PairSampler;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.PolicyScorer;
import io.github.p3o.Prompt;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.internal.PolicyLearner;
import io.github.p3o.internal.ResponseObjective;
import io.github.p3o.internal.Scoring;
import io.github.p3o.internal.Whole;
import java.util.function.Supplier;

/** The models of one task at a time, and what is done with them. It remembers no more than that. */
final class Worker implements AutoCloseable {

  private final Owned owned;
  private final Policy policy;
  private final PairSampler sampler;
  private final RewardModel rewardModel;
  private final PolicyScorer scorer;
  private final PolicyLearner learner;
  private final int k;

  /** Of the parameters, given by the driver. */
  private long version = -1;

  private <P extends Policy> Worker(Run<P> run, Owned owned) {
    this.owned = owned;
    P made = owned.add(run.models().policy());
    policy = made;
    sampler = owned.add(run.models().sampler(made));
    rewardModel = owned.add(run.models().rewardModel());
    k = run.k();
    Policy reference = owned.add(policy.frozenCopy());
    scorer = owned.add(new PolicyScorer(reference, k * run.promptsAtOnce()));
    ResponseObjective objective = new ResponseObjective(policy, run.models().loss(), k);
    learner = owned.add(new PolicyLearner(policy, objective, k, run.promptsAtOnce()));
  }

  static <P extends Policy> Worker of(Run<P> run) {
    ClassPath.check();
    Owned owned = new Owned();
    boolean whole = false;
    try {
      Worker worker = new Worker(run, owned);
      whole = true;
      return worker;
    } finally {
      if (!whole) {
        owned.close();
      }
    }
  }

  /** Takes the parameters of a version, unless it has them. */
  void parameters(long newVersion, Supplier<byte[][]> values) {
    if (version != newVersion) {
      byte[][] slices = values.get();
      policy.parameters().update(vector -> VectorBytes.write(slices, vector));
      version = newVersion;
    }
  }

  Samples sample(ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    return sampler.sample(prompts, responses, seeds);
  }

  /** The pairs of some prompts. */
  PairwiseBatch rollout(
      ImmutableLongArray ids, ImmutableList<Prompt> prompts, ImmutableLongArray seeds) {
    Samples samples = sample(prompts, k, seeds);
    double[] rewards = Scoring.rewards(rewardModel, ids, samples);
    double[] references = scorer.logProbs(samples.promptOfEach(), samples.responses());
    return Scoring.batch(ids, samples, references, rewards);
  }

  /** What these pairs contribute to the gradient of a mini-batch. */
  Gradients gradients(PairwiseBatch part, Whole whole, double klScale) {
    return learner.gradients(part, whole, klScale);
  }

  /** Native memory of the parameters, trained and frozen, and of the reference, in bytes. */
  long modelBytes() {
    return modelBytes(policy);
  }

  static long modelBytes(Policy policy) {
    return 2 * VectorBytes.size(policy.parameters().vector())
        + policy.frozenParameters().values().stream().mapToLong(VectorBytes::size).sum();
  }

  /** Native memory of one gradient and of the graphs that compute it, in bytes. */
  long workBytes() {
    return parameterBytes() + learner.bytes();
  }

  /** Of what is trained and travels. */
  long parameterBytes() {
    return VectorBytes.size(policy.parameters().vector());
  }

  @Override
  public void close() {
    owned.close();
  }
}
