package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.ActorCritic;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.ActorCriticLoss;
import io.github.p3o.BatchShape;
import io.github.p3o.NonFiniteException;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TokenLogProbs;
import io.github.p3o.TokenRollout;
import io.github.p3o.TokenTargets;
import io.github.p3o.TokenValues;
import io.github.p3o.TokenVariables;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An objective on single tokens: a mean over response tokens. A rollout is prepared by one forward
 * run of the policy, for log-probabilities and values of every token before any update.
 */
public final class TokenObjective implements Objective {

  private static final String OLD_LOG_PROBS = "p3o/oldTokenLogProbs";
  private static final String OLD_VALUES = "p3o/oldTokenValues";
  private static final String ADVANTAGES = "p3o/advantages";
  private static final String RETURNS = "p3o/returns";
  private static final String TOKEN_LOG_PROBS = "p3o/tokenLogProbs";
  private static final String TOKEN_VALUES = "p3o/tokenValues";

  private final ActorCritic policy;
  private final ActorCriticLoss loss;
  private final Scorer scorer;

  /** The policy stays the caller's; rollouts are prepared so many sequences at once. */
  public TokenObjective(ActorCritic policy, ActorCriticLoss loss, int sequencesAtOnce) {
    this.policy = policy;
    this.loss = loss;
    this.scorer = new Scorer("trainer", policy, this::scores, sequencesAtOnce);
  }

  private ImmutableMap<String, SDVariable> scores(BatchShape shape) {
    ActorCriticGraph built = policy.buildWithValues(shape);
    return ImmutableMap.of(
        TOKEN_LOG_PROBS, built.policy().tokenLogProbs(), TOKEN_VALUES, built.tokenValues());
  }

  @Override
  public String name() {
    return loss.name();
  }

  @Override
  public PolicyLoss.RewardView rewardView() {
    return PolicyLoss.RewardView.VALUES;
  }

  @Override
  public String description() {
    return Settings.describe(loss.name(), loss);
  }

  /** The ratios are to the policy as it is when a rollout is prepared. */
  @Override
  public boolean correctsForStaleness() {
    return false;
  }

  /** The KL of each token is in the targets, not in the graph. */
  @Override
  public double klPenalty() {
    return loss.klPenalty();
  }

  @Override
  public PairwiseBatch prepare(
      PairwiseBatch rollout, ImmutableList<TokenLogProbs> reference, double klScale) {
    List<Prompt> prompts = rollout.promptOfEach();
    List<Response> responses = rollout.responses();
    ImmutableList.Builder<TokenRollout> tokens = ImmutableList.builder();
    scorer.run(
        prompts,
        responses,
        (from, to, variables) -> {
          List<Response> part = responses.subList(from, to);
          double[][] logProbs = Result.rows(variables, TOKEN_LOG_PROBS, part);
          double[][] values = Result.rows(variables, TOKEN_VALUES, part);
          for (int i = 0; i < values.length; i++) {
            checkFinite("log-probability", logProbs[i], rollout, from + i);
            checkFinite("value", values[i], rollout, from + i);
            tokens.add(
                new TokenRollout(
                    TokenLogProbs.of(logProbs[i]),
                    reference.get(from + i),
                    TokenValues.of(values[i]),
                    rollout.rewards().values().get(from + i)));
          }
        });
    return rollout.withTargets(loss.targets(tokens.build(), klScale));
  }

  private static void checkFinite(String what, double[] values, PairwiseBatch batch, int at) {
    for (int t = 0; t < values.length; t++) {
      if (!Double.isFinite(values[t])) {
        throw new NonFiniteException(
            String.format(
                Locale.ROOT,
                "%s: expected finite values, got %s at token %d of response %d of pair %d;"
                    + " the parameters are unchanged",
                what,
                values[t],
                t,
                at / batch.groups(),
                batch.ids().get(at % batch.groups())));
      }
    }
  }

  @Override
  public Graph build(BatchShape shape) {
    ActorCriticGraph built = policy.buildWithValues(shape);
    SDVariable mask = Ops.cast(built.policy().tokenMask(), DataType.DOUBLE);
    SDVariable values = Ops.cast(built.tokenValues(), DataType.DOUBLE);
    SameDiff graph = built.policy().graph();
    Function<String, SDVariable> fixed =
        name -> graph.placeHolder(name, DataType.DOUBLE, shape.sequences(), shape.responseTokens());
    return new Graph(
        built.policy().logProbs(),
        loss.build(
            new TokenVariables(
                Ops.cast(built.policy().tokenLogProbs(), DataType.DOUBLE),
                fixed.apply(OLD_LOG_PROBS),
                Ops.multiply(values, mask),
                fixed.apply(OLD_VALUES),
                fixed.apply(ADVANTAGES),
                fixed.apply(RETURNS))));
  }

  @Override
  public Map<String, INDArray> feed(PairwiseBatch part, Whole whole) {
    checkArgument(
        !part.targets().isEmpty(),
        "batch: expected one of P3OTrainer.rollout, with targets of its tokens, got none");
    int columns = policy.shape(part.promptOfEach(), part.responses()).responseTokens();
    List<TokenTargets> targets = part.targets();
    Map<String, INDArray> feed = new HashMap<>();
    feed.put(OLD_LOG_PROBS, grid(targets, columns, (of, t) -> of.oldLogProbs().get(t)));
    feed.put(OLD_VALUES, grid(targets, columns, (of, t) -> of.oldValues().get(t)));
    feed.put(ADVANTAGES, grid(targets, columns, (of, t) -> of.advantages().get(t)));
    feed.put(RETURNS, grid(targets, columns, (of, t) -> of.returns().get(t)));
    return feed;
  }

  /** A row for each response, 0 behind its end {@code [sequences, columns]}. */
  private static INDArray grid(
      List<TokenTargets> targets, int columns, ToDoubleBiFunction<TokenTargets, Integer> of) {
    double[] grid = new double[targets.size() * columns];
    for (int i = 0; i < targets.size(); i++) {
      for (int t = 0; t < targets.get(i).length(); t++) {
        grid[i * columns + t] = of.applyAsDouble(targets.get(i), t);
      }
    }
    return Nd4j.create(grid, new long[] {targets.size(), columns}, 'c');
  }

  @Override
  public Whole whole(PairwiseBatch batch) {
    return Whole.of(batch, batch.responses().stream().mapToLong(Response::length).sum());
  }

  @Override
  public void close() {
    scorer.close();
  }
}
