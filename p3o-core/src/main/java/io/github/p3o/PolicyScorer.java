package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.ModelRunner;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Log-probabilities of given responses under a policy, without gradients, in bounded memory. The
 * graphs of recurring shapes are kept, so keep the scorer too. It is confined to one thread.
 */
public final class PolicyScorer implements AutoCloseable {

  private static final String OUTPUT = "p3o/scores";

  private final Policy policy;
  private final int sequencesAtOnce;
  private final ModelRunner runner;

  /**
   * A scorer that sees the policy's parameters as they are at each call.
   *
   * @param policy stays the caller's to close
   * @param sequencesAtOnce sequences that are scored at once, ≥ 1: bounds the memory
   * @throws IllegalArgumentException if sequencesAtOnce is below 1
   */
  public PolicyScorer(Policy policy, int sequencesAtOnce) {
    checkArgument(
        sequencesAtOnce >= 1, "sequencesAtOnce: expected at least 1, got %s", sequencesAtOnce);
    this.policy = policy;
    this.sequencesAtOnce = sequencesAtOnce;
    this.runner = new ModelRunner(policy, this::program);
  }

  private Program program(BatchShape shape) {
    PolicyGraph built = policy.build(shape);
    built.graph().identity(OUTPUT, built.logProbs());
    return Program.forward(built.graph(), policy.parameters().names(), ImmutableList.of(OUTPUT));
  }

  /**
   * log π(y|x) of each response.
   *
   * @param prompts {@code [sequences]}, the prompt of each response
   * @param responses {@code [sequences]}
   * @return nats {@code [sequences]}
   * @throws IllegalArgumentException if the counts differ, or the policy refuses a sequence
   */
  public double[] logProbs(List<Prompt> prompts, List<Response> responses) {
    checkArgument(
        prompts.size() == responses.size(),
        "prompts: expected %s, one for each response, got %s",
        responses.size(),
        prompts.size());
    double[] logProbs = new double[responses.size()];
    for (int from = 0; from < logProbs.length; from += sequencesAtOnce) {
      int to = Math.min(from + sequencesAtOnce, logProbs.length);
      INDArray chunk =
          Result.array(
              runner.run(prompts.subList(from, to), responses.subList(from, to), ImmutableMap.of()),
              OUTPUT);
      System.arraycopy(chunk.toDoubleVector(), 0, logProbs, from, to - from);
    }
    return logProbs;
  }

  /** Frees native memory; the policy stays the caller's. */
  @Override
  public void close() {
    runner.close();
  }
}
