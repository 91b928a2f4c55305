package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.Gradients;
import io.github.p3o.LogProbs;
import io.github.p3o.NonFiniteException;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PolicyLoss;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The gradient of an objective with respect to a policy's parameters. */
public final class PolicyLearner implements AutoCloseable {

  private static final String LOG_PROBS = "p3o/now";

  private final Policy policy;
  private final PolicyLoss objective;
  private final int responses;
  private final int groupsAtOnce;
  private final ProgramCache<BatchShape> programs = new ProgramCache<>(this::program);

  /** Gradients for batches of this many responses a prompt, some groups at once. */
  public PolicyLearner(
      Policy policy, PolicyLoss objective, int responsesPerPrompt, int groupsAtOnce) {
    this.policy = policy;
    this.objective = objective;
    this.responses = responsesPerPrompt;
    this.groupsAtOnce = groupsAtOnce;
  }

  private Program program(BatchShape shape) {
    PolicyGraph built = policy.build(shape);
    SameDiff graph = built.graph();
    graph.identity(LOG_PROBS, built.logProbs());
    ImmutableList<String> diagnostics =
        PolicyLossGraph.build(
            objective, built.logProbs(), responses, shape.sequences() / responses);
    return Program.withGradient(
        graph,
        PolicyLossGraph.LOSS,
        policy.parameters().names(),
        ImmutableList.<String>builder().add(LOG_PROBS).addAll(diagnostics).build());
  }

  /**
   * The gradient of the mean loss over the prompts of the batch.
   *
   * @throws NonFiniteException if the loss or a log-probability is not finite
   */
  public Gradients gradients(PairwiseBatch batch) {
    GradientSum sum = new GradientSum(policy.parameters());
    double[][] now = new double[responses][batch.groups()];
    Map<String, Double> diagnostics = new LinkedHashMap<>();
    double loss = 0;
    try {
      for (int from = 0; from < batch.groups(); from += groupsAtOnce) {
        int[] part = IntStream.range(from, Math.min(from + groupsAtOnce, batch.groups())).toArray();
        Map<String, INDArray> values = run(batch.select(part), batch);
        copy(Result.array(values, LOG_PROBS), now, part);
        loss += Result.scalar(values, PolicyLossGraph.LOSS);
        PolicyLossGraph.diagnostics(values)
            .forEach((name, value) -> diagnostics.merge(name, value, Double::sum));
        sum.add(values);
      }
      checkFinite(batch, now, loss);
      return new Gradients(
          sum.vector(),
          loss,
          batch.groups(),
          LogProbs.of(now),
          PairStatistics.of(batch, LogProbs.of(now), ImmutableMap.copyOf(diagnostics)));
    } catch (RuntimeException e) {
      sum.close();
      throw e;
    }
  }

  private Map<String, INDArray> run(PairwiseBatch part, PairwiseBatch whole) {
    BatchShape shape = policy.shape(part.promptOfEach(), part.responses());
    Map<String, INDArray> inputs = new HashMap<>(PolicyLossGraph.feed(part, whole));
    inputs.putAll(policy.feed(shape, part.promptOfEach(), part.responses()));
    inputs.putAll(policy.parameters().asMap());
    return programs.get(shape).run(inputs);
  }

  private static void copy(INDArray logProbs, double[][] into, int[] groups) {
    double[] values = logProbs.toDoubleVector();
    for (int i = 0; i < into.length; i++) {
      System.arraycopy(values, i * groups.length, into[i], groups[0], groups.length);
    }
  }

  private static void checkFinite(PairwiseBatch batch, double[][] now, double loss) {
    for (int i = 0; i < now.length; i++) {
      for (int g = 0; g < now[i].length; g++) {
        if (!Double.isFinite(now[i][g])) {
          throw new NonFiniteException(
              String.format(
                  "logProbs: expected finite values, got %s for response %d of pair %d;"
                      + " the parameters are unchanged",
                  now[i][g], i, batch.ids().get(g)));
        }
      }
    }
    if (!Double.isFinite(loss)) {
      throw new NonFiniteException(
          "loss: expected a finite value, got " + loss + "; the parameters are unchanged");
    }
  }

  @Override
  public void close() {
    programs.close();
  }
}
