package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PolicyLoss;
import io.github.p3o.TokenLogProbs;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An objective on whole responses: a mean over prompts, with nothing to prepare. */
public record ResponseObjective(Policy policy, PolicyLoss loss, int responsesPerPrompt)
    implements Objective {

  @Override
  public String name() {
    return loss.name();
  }

  @Override
  public PolicyLoss.RewardView rewardView() {
    return loss.rewardView();
  }

  @Override
  public String description() {
    return Settings.describe(loss.name(), loss);
  }

  @Override
  public boolean correctsForStaleness() {
    return true;
  }

  @Override
  public double klPenalty() {
    return loss.klPenalty();
  }

  @Override
  public PairwiseBatch prepare(
      PairwiseBatch rollout, ImmutableList<TokenLogProbs> reference, double klScale) {
    return rollout;
  }

  @Override
  public Graph build(BatchShape shape) {
    PolicyGraph built = policy.build(shape);
    int groups = shape.sequences() / responsesPerPrompt;
    return new Graph(
        built.logProbs(),
        PolicyLossGraph.build(loss, built.logProbs(), responsesPerPrompt, groups));
  }

  @Override
  public Map<String, INDArray> feed(PairwiseBatch part, Whole whole) {
    return PolicyLossGraph.feed(part, whole);
  }

  @Override
  public Whole whole(PairwiseBatch batch) {
    return Whole.of(batch, batch.groups());
  }

  /** Nothing of its own: the policy stays the caller's. */
  @Override
  public void close() {}
}
