package io.github.p3o;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.internal.Given;
import io.github.p3o.internal.Result;
import io.github.p3o.internal.Scorer;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Log-probabilities of given responses under a policy, without gradients, in bounded memory. The
 * graphs of recurring shapes are kept, so keep the scorer too. It is confined to one thread.
 */
public final class PolicyScorer implements AutoCloseable {

  private static final String OF_RESPONSES = "p3o/logProbs";
  private static final String OF_TOKENS = "p3o/tokenLogProbs";

  /**
   * Log-probabilities of responses; not checked to be finite.
   *
   * @param logProbs of whole responses {@code [sequences]}
   * @param tokenLogProbs of their tokens {@code [sequences][tokens]}
   */
  record Scores(ImmutableDoubleArray logProbs, ImmutableList<double[]> tokenLogProbs) {

    /** Of the tokens, once they are known to be finite. */
    ImmutableList<TokenLogProbs> ofTokens() {
      return tokenLogProbs.stream().map(TokenLogProbs::of).collect(ImmutableList.toImmutableList());
    }
  }

  private final Scorer scorer;

  /**
   * A scorer that sees the policy's parameters as they are at each call.
   *
   * @param policy stays the caller's to close
   * @param sequencesAtOnce sequences that are scored at once, ≥ 1: bounds the memory
   * @throws IllegalArgumentException if sequencesAtOnce is below 1
   */
  public PolicyScorer(Policy policy, int sequencesAtOnce) {
    this.scorer =
        new Scorer("scorer", policy, shape -> variables(policy.build(shape)), sequencesAtOnce);
  }

  private static ImmutableMap<String, SDVariable> variables(PolicyGraph built) {
    Given.notNull("policy", "a graph", built);
    return ImmutableMap.of(OF_RESPONSES, built.logProbs(), OF_TOKENS, built.tokenLogProbs());
  }

  /**
   * log π(y|x) of each response.
   *
   * @param prompts {@code [sequences]}, the prompt of each response
   * @param responses {@code [sequences]}
   * @return nats {@code [sequences]}
   * @throws IllegalArgumentException if the counts differ, or the policy refuses a sequence or its
   *     graph gives another shape
   * @throws IllegalStateException if it was closed, or within a call of another thread
   */
  public double[] logProbs(List<Prompt> prompts, List<Response> responses) {
    double[] logProbs = new double[responses.size()];
    scorer.run(prompts, responses, (from, to, results) -> copy(results, logProbs, from, to));
    return logProbs;
  }

  /**
   * log π of each token of each response.
   *
   * @param prompts {@code [sequences]}, the prompt of each response
   * @param responses {@code [sequences]}
   * @return nats {@code [sequences]}, each {@code [tokens]}
   * @throws IllegalArgumentException if the counts differ, the policy refuses a sequence, or a
   *     log-probability is not finite
   * @throws IllegalStateException if it was closed, or within a call of another thread
   */
  public ImmutableList<TokenLogProbs> tokenLogProbs(
      List<Prompt> prompts, List<Response> responses) {
    return score(prompts, responses).ofTokens();
  }

  /** Of responses and of their tokens. */
  Scores score(List<Prompt> prompts, List<Response> responses) {
    double[] logProbs = new double[responses.size()];
    ImmutableList.Builder<double[]> ofTokens = ImmutableList.builder();
    scorer.run(
        prompts,
        responses,
        (from, to, results) -> {
          copy(results, logProbs, from, to);
          ofTokens.add(Result.rows(results, OF_TOKENS, responses.subList(from, to)));
        });
    return new Scores(ImmutableDoubleArray.copyOf(logProbs), ofTokens.build());
  }

  private static void copy(Map<String, INDArray> results, double[] into, int from, int to) {
    double[] part = Result.numbers(results, OF_RESPONSES, to - from);
    System.arraycopy(part, 0, into, from, part.length);
  }

  /**
   * Frees native memory; the policy stays the caller's.
   *
   * @throws IllegalStateException within a call, also of another thread; nothing is freed then
   */
  @Override
  public void close() {
    scorer.close();
  }
}
