package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Log-probabilities of given responses under a policy, without gradients, in bounded memory. */
public final class PolicyScorer implements AutoCloseable {

  private static final String OUTPUT = "p3o/scores";

  private final Policy policy;
  private final int maxSequences;
  private final ProgramCache<BatchShape> programs = new ProgramCache<>(this::program);

  /** A scorer of at most so many sequences at once. The policy stays the caller's. */
  public PolicyScorer(Policy policy, int maxSequences) {
    this.policy = policy;
    this.maxSequences = maxSequences;
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
      double[] chunk = chunk(prompts.subList(from, to), responses.subList(from, to));
      System.arraycopy(chunk, 0, logProbs, from, chunk.length);
    }
    return logProbs;
  }

  private double[] chunk(List<Prompt> prompts, List<Response> responses) {
    BatchShape shape = policy.shape(prompts, responses);
    Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, prompts, responses));
    inputs.putAll(policy.parameters().asMap());
    return Result.array(programs.get(shape).run(inputs), OUTPUT).toDoubleVector();
  }

  @Override
  public void close() {
    programs.close();
  }
}
