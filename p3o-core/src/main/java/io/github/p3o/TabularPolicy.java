package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.Ops;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A softmax over a finite set of responses for each of a finite set of contexts: log π(y|x) =
 * logits[x, y] − ln Σ exp logits[x, ·]. For contextual bandits, and for tests that enumerate every
 * pair. A prompt is one id, the context; a response is one id, the choice.
 */
public final class TabularPolicy implements Policy, PairSampler {

  private static final String LOGITS = "logits";
  private static final String CONTEXTS = "contexts";

  private final Parameters parameters;
  private final int contexts;
  private final int choices;

  private TabularPolicy(Parameters parameters) {
    this.parameters = parameters;
    long[] shape = parameters.get(LOGITS).shape();
    this.contexts = Math.toIntExact(shape[0]);
    this.choices = Math.toIntExact(shape[1]);
  }

  /**
   * A policy with these logits, in float64.
   *
   * @param logits {@code [contexts, choices]}, finite, rows of equal length, at least two choices
   * @return the policy
   * @throws IllegalArgumentException if the logits are not as said
   */
  public static TabularPolicy of(double[][] logits) {
    checkArgument(logits.length > 0, "logits: expected at least one context, got none");
    for (int i = 0; i < logits.length; i++) {
      checkArgument(
          logits[i].length == logits[0].length && logits[i].length >= 2,
          "logits[%s]: expected %s choices, at least 2, got %s",
          i,
          logits[0].length,
          logits[i].length);
      checkArgument(
          Arrays.stream(logits[i]).allMatch(Double::isFinite),
          "logits[%s]: expected finite values, got %s",
          i,
          Arrays.toString(logits[i]));
    }
    Backend.start();
    try (INDArray initial = Nd4j.createFromArray(logits)) {
      return new TabularPolicy(Parameters.copyOf(ImmutableMap.of(LOGITS, initial)));
    }
  }

  /**
   * The uniform policy, in float64.
   *
   * @param contexts number of contexts, at least 1
   * @param choices number of responses to each, at least 2
   * @return the policy
   * @throws IllegalArgumentException if a number is too small
   */
  public static TabularPolicy uniform(int contexts, int choices) {
    checkArgument(contexts >= 1, "contexts: expected at least 1, got %s", contexts);
    checkArgument(choices >= 2, "choices: expected at least 2, got %s", choices);
    return of(new double[contexts][choices]);
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  /**
   * The probabilities of every response to a context.
   *
   * @param context the id of the context
   * @return {@code [choices]}, summing to 1
   * @throws IllegalArgumentException for an unknown context
   */
  public double[] probabilities(int context) {
    checkArgument(
        context >= 0 && context < contexts,
        "context: expected 0 to %s, got %s",
        contexts - 1,
        context);
    double[] logits = parameters.get(LOGITS).getRow(context).toDoubleVector();
    double max = Arrays.stream(logits).max().orElseThrow();
    double[] weights = Arrays.stream(logits).map(l -> Math.exp(l - max)).toArray();
    double sum = Arrays.stream(weights).sum();
    return Arrays.stream(weights).map(w -> w / sum).toArray();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    checkPrompts(prompts);
    Choices.check("responses", responses.stream().map(Response::tokens).toList(), choices);
    return BatchShape.of(prompts, responses, 2);
  }

  private void checkPrompts(List<Prompt> prompts) {
    Choices.check("prompts", prompts.stream().map(Prompt::tokens).toList(), contexts);
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    SameDiff graph = SameDiff.create();
    SDVariable logits = graph.placeHolder(LOGITS, DataType.DOUBLE, contexts, choices);
    SDVariable context = graph.placeHolder(CONTEXTS, DataType.INT32, shape.sequences());
    return Choices.graphOfLogits(Ops.rows(logits, context), shape.sequences(), choices);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return ImmutableMap.<String, INDArray>builder()
        .put(
            CONTEXTS,
            Nd4j.createFromArray(prompts.stream().mapToInt(p -> p.tokens().get(0)).toArray()))
        .putAll(Choices.feed(responses, choices, DataType.DOUBLE))
        .buildOrThrow();
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    checkPrompts(prompts);
    ImmutableList.Builder<Response> drawn = ImmutableList.builder();
    double[][] logProbs = new double[responses][prompts.size()];
    for (int i = 0; i < responses; i++) {
      for (int g = 0; g < prompts.size(); g++) {
        double[] probabilities = probabilities(prompts.get(g).tokens().get(0));
        int choice = draw(probabilities, random.nextDouble());
        drawn.add(Response.of(choice));
        logProbs[i][g] = Math.log(probabilities[choice]);
      }
    }
    return new Samples(prompts, drawn.build(), LogProbs.of(logProbs));
  }

  private static int draw(double[] probabilities, double uniform) {
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < probabilities.length; i++) {
      if (probabilities[i] > 0) {
        last = i; // rounding may leave the sum just below 1
        cumulative += probabilities[i];
        if (uniform < cumulative) {
          return i;
        }
      }
    }
    return last;
  }

  @Override
  public TabularPolicy frozenCopy() {
    return new TabularPolicy(parameters.frozenCopy());
  }

  @Override
  public void close() {
    parameters.close();
  }
}
