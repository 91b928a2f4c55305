package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.ActorCriticLoss;
import io.github.p3o.TokenVariables;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Tokens of responses as plain numbers, to test an objective on tokens by.
 *
 * @param tokens every response {@code [sequences][tokens]}
 */
record TokenCase(ImmutableList<ImmutableList<Token>> tokens) {

  /** Everything that is known of one token. */
  record Token(
      double logProb,
      double oldLogProb,
      double value,
      double oldValue,
      double advantage,
      double target) {

    Token at(double newLogProb, double newValue) {
      return new Token(newLogProb, oldLogProb, newValue, oldValue, advantage, target);
    }
  }

  /**
   * An objective at one point.
   *
   * @param loss the mean over tokens, or this part of it
   * @param ofLogProbs ∂loss/∂log-probability of each token, one response after the other
   * @param ofValues ∂loss/∂value of each token
   * @param diagnostics means over tokens
   */
  record Outcome(
      double loss,
      ImmutableDoubleArray ofLogProbs,
      ImmutableDoubleArray ofValues,
      ImmutableMap<String, Double> diagnostics) {

    double[] byLogProb() {
      return ofLogProbs.toArray();
    }

    double[] byValue() {
      return ofValues.toArray();
    }
  }

  private static final ImmutableList<String> NAMES =
      ImmutableList.of("logProb", "oldLogProb", "value", "oldValue", "advantage", "target");

  /** Responses of these lengths; ratios and values move so far that some are clipped. */
  static TokenCase random(long seed, int... lengths) {
    Random random = new Random(seed);
    return new TokenCase(
        IntStream.of(lengths)
            .mapToObj(
                length ->
                    IntStream.range(0, length)
                        .mapToObj(t -> token(random))
                        .collect(ImmutableList.toImmutableList()))
            .collect(ImmutableList.toImmutableList()));
  }

  private static Token token(Random random) {
    double old = random.nextDouble(-8, -0.1);
    double oldValue = random.nextDouble(-2, 2);
    return new Token(
        old + random.nextDouble(-0.5, 0.5),
        old,
        oldValue + random.nextDouble(-0.5, 0.5),
        oldValue,
        random.nextDouble(-2, 2),
        oldValue + random.nextDouble(-1, 1));
  }

  /** One response after the other, without padding. */
  ImmutableList<Token> flat() {
    return tokens.stream().flatMap(ImmutableList::stream).collect(ImmutableList.toImmutableList());
  }

  /** Only these responses, in this order. */
  TokenCase select(int... sequences) {
    return new TokenCase(
        IntStream.of(sequences).mapToObj(tokens::get).collect(ImmutableList.toImmutableList()));
  }

  int count() {
    return flat().size();
  }

  int longest() {
    return tokens.stream().mapToInt(ImmutableList::size).max().orElseThrow();
  }

  /** The mean over all tokens. */
  Outcome evaluate(ActorCriticLoss objective) {
    return evaluate(objective, longest(), count());
  }

  /** In a graph of so many columns, and as a part of so many tokens. */
  Outcome evaluate(ActorCriticLoss objective, int columns, int ofTokens) {
    SameDiff graph = SameDiff.create();
    SDVariable[] variables =
        NAMES.stream()
            .map(name -> graph.placeHolder(name, DataType.DOUBLE, tokens.size(), columns))
            .toArray(SDVariable[]::new);
    ImmutableList<String> means =
        MeanLoss.addTo(
            objective.build(
                new TokenVariables(
                    variables[0],
                    variables[1],
                    variables[2],
                    variables[3],
                    variables[4],
                    variables[5])));
    MeanLoss mean = new MeanLoss(ofTokens);
    Map<String, INDArray> feed = new LinkedHashMap<>(mean.feed());
    for (int i = 0; i < NAMES.size(); i++) {
      feed.put(NAMES.get(i), grid(i, columns));
    }
    try (Program program =
        Program.withGradient(graph, MeanLoss.LOSS, ImmutableList.of("logProb", "value"), means)) {
      Map<String, INDArray> results = program.run(feed);
      mean.add(results);
      return new Outcome(
          mean.loss(),
          withoutPadding(results, Program.gradientOf("logProb")),
          withoutPadding(results, Program.gradientOf("value")),
          mean.diagnostics());
    }
  }

  private INDArray grid(int name, int columns) {
    double[] grid = new double[tokens.size() * columns];
    for (int i = 0; i < tokens.size(); i++) {
      for (int t = 0; t < tokens.get(i).size(); t++) {
        Token token = tokens.get(i).get(t);
        grid[i * columns + t] =
            switch (name) {
              case 0 -> token.logProb();
              case 1 -> token.oldLogProb();
              case 2 -> token.value();
              case 3 -> token.oldValue();
              case 4 -> token.advantage();
              default -> token.target();
            };
      }
    }
    return Nd4j.create(grid, new long[] {tokens.size(), columns}, 'c');
  }

  private ImmutableDoubleArray withoutPadding(Map<String, INDArray> results, String name) {
    double[][] rows = Result.array(results, name).toDoubleMatrix();
    return ImmutableDoubleArray.copyOf(
        IntStream.range(0, rows.length)
            .boxed()
            .flatMapToDouble(
                i -> IntStream.range(0, tokens.get(i).size()).mapToDouble(t -> rows[i][t])));
  }
}
