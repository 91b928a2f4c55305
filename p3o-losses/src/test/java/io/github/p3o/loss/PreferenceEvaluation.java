package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.LossTerms;
import io.github.p3o.PreferenceLoss;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The mean of a preference objective on plain scores, its gradient and diagnostics. */
final class PreferenceEvaluation {

  private final double loss;
  private final double[][] gradient;
  private final ImmutableMap<String, Double> diagnostics;

  private PreferenceEvaluation(
      double loss, double[][] gradient, ImmutableMap<String, Double> diagnostics) {
    this.loss = loss;
    this.gradient = gradient;
    this.diagnostics = diagnostics;
  }

  static PreferenceEvaluation of(PreferenceLoss objective, double[] chosen, double[] rejected) {
    SameDiff graph = SameDiff.create();
    SDVariable w = graph.placeHolder("chosen", DataType.DOUBLE, chosen.length);
    SDVariable l = graph.placeHolder("rejected", DataType.DOUBLE, chosen.length);
    LossTerms terms = objective.build(w, l);
    double share = 1.0 / chosen.length;
    Ops.multiply(Ops.sum(terms.losses()), share).rename("loss");
    ImmutableMap.Builder<String, String> names = ImmutableMap.builder();
    terms
        .diagnostics()
        .forEach((name, d) -> names.put(name, Ops.multiply(Ops.sum(d), share).name()));
    ImmutableMap<String, String> variables = names.buildOrThrow();
    try (Program program =
        Program.withGradient(
            graph, "loss", ImmutableList.of("chosen", "rejected"), variables.values())) {
      ImmutableMap<String, INDArray> results =
          program.run(
              ImmutableMap.of(
                  "chosen", Nd4j.createFromArray(chosen),
                  "rejected", Nd4j.createFromArray(rejected)));
      ImmutableMap.Builder<String, Double> diagnostics = ImmutableMap.builder();
      variables.forEach((name, v) -> diagnostics.put(name, Result.scalar(results, v)));
      double[][] gradient = {
        Result.array(results, Program.gradientOf("chosen")).toDoubleVector(),
        Result.array(results, Program.gradientOf("rejected")).toDoubleVector()
      };
      return new PreferenceEvaluation(
          Result.scalar(results, "loss"), gradient, diagnostics.buildOrThrow());
    }
  }

  double loss() {
    return loss;
  }

  double[][] gradient() {
    return gradient;
  }

  ImmutableMap<String, Double> diagnostics() {
    return diagnostics;
  }
}
