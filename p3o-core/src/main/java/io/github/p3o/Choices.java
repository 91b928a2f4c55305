package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.internal.Ops;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What policies have in common whose response is one id, the index of a choice. */
final class Choices {

  private static final String CHOICES = "p3o/choices";

  private Choices() {}

  static void check(String name, List<ImmutableIntArray> sequences, int bound) {
    for (int i = 0; i < sequences.size(); i++) {
      ImmutableIntArray tokens = sequences.get(i);
      checkArgument(
          tokens.length() == 1 && tokens.get(0) < bound,
          "%s[%s]: expected one id below %s, got %s",
          name,
          i,
          bound,
          tokens);
    }
  }

  /** log π(y|x) = logits[y] − ln Σ exp logits, from logits {@code [sequences, choices]}. */
  static PolicyGraph graphOfLogits(SDVariable logits, int sequences, int choices) {
    SDVariable chosen =
        logits.getSameDiff().placeHolder(CHOICES, logits.dataType(), sequences, choices);
    SDVariable normalised = Ops.subtract(logits, Ops.logSumExp(logits));
    return graphOfLogProbs(Ops.sumKeeping(Ops.multiply(normalised, chosen), 1), sequences);
  }

  /** From the log-probabilities themselves, one token a response. */
  static PolicyGraph graphOfLogProbs(SDVariable logProbs, int sequences) {
    SameDiff graph = logProbs.getSameDiff();
    SDVariable mask = graph.constant(Nd4j.ones(logProbs.dataType(), sequences, 1));
    return new PolicyGraph(
        Ops.reshape(logProbs, sequences), Ops.reshape(logProbs, sequences, 1), mask);
  }

  /** The choices as one-hot rows. */
  static Map<String, INDArray> feed(List<Response> responses, int choices, DataType type) {
    double[][] oneHot = new double[responses.size()][choices];
    for (int i = 0; i < oneHot.length; i++) {
      oneHot[i][responses.get(i).tokens().get(0)] = 1;
    }
    try (INDArray float64 = Nd4j.createFromArray(oneHot)) {
      return ImmutableMap.of(
          CHOICES, type == DataType.DOUBLE ? float64.dup() : float64.castTo(type));
    }
  }
}
