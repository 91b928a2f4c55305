package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Log-probabilities of given responses under a policy, without gradients, in bounded memory. */
public final class PolicyScorer implements AutoCloseable {

  private static final String OUTPUT = "p3o/scores";

  private final Policy policy;
  private final int maxSequences;
  private final ModelRunner runner;

  /** A scorer of at most so many sequences at once. The policy stays the caller's. */
  public PolicyScorer(Policy policy, int maxSequences) {
    this.policy = policy;
    this.maxSequences = maxSequences;
    this.runner = new ModelRunner(policy, this::program);
  }

  private Program program(BatchShape shape) {
    PolicyGraph built = policy.build(shape);
    built.graph().identity(OUTPUT, built.logProbs());
    return Program.forward(built.graph(), policy.parameters().names(), ImmutableList.of(OUTPUT));
  }

  /**
   * log π(y|x) of each response, in nats.
   *
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @return {@code [sequences]}
   */
  public double[] logProbs(List<Prompt> prompts, List<Response> responses) {
    double[] logProbs = new double[responses.size()];
    for (int from = 0; from < logProbs.length; from += maxSequences) {
      int to = Math.min(from + maxSequences, logProbs.length);
      INDArray chunk =
          Result.array(
              runner.run(prompts.subList(from, to), responses.subList(from, to), ImmutableMap.of()),
              OUTPUT);
      System.arraycopy(chunk.toDoubleVector(), 0, logProbs, from, to - from);
    }
    return logProbs;
  }

  @Override
  public void close() {
    runner.close();
  }
}
