package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.BatchShape;
import io.github.p3o.GraphModel;
import io.github.p3o.Parameters;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.testing.FiniteDifferences;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Gradients against central differences in float64: of every parameter one element, and the sum of
 * all with random signs.
 */
class TransformerGradientTest {

  /** Smaller than usual: deep compositions have great higher derivatives. */
  private static final double STEP = 3e-5;

  private static final double[] WEIGHTS = {0.7, -1.3, 0.4, 2.1, -0.6};
  private static final ImmutableList<Prompt> PROMPTS =
      TinyModels.prompts(WEIGHTS.length, 6, TinyModels.VOCABULARY);
  private static final ImmutableList<Response> RESPONSES =
      TinyModels.responses(WEIGHTS.length, 7, TinyModels.VOCABULARY);

  @ParameterizedTest
  @CsvSource({"4, 4, 2, false", "2, 6, 2, true", "4, 2, 2, false", "2, 3, 1, true"})
  void gradient_ofWeightedLogProbs_equalsFiniteDifferences(
      int size, int heads, int keyHeads, boolean tied) {
    checkLogProbs(TinyModels.config(size, heads, keyHeads, tied));
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofEveryArchitecture_equalsFiniteDifferences(DecoderConfig config) {
    checkLogProbs(config);
  }

  private static void checkLogProbs(DecoderConfig config) {
    try (TransformerPolicy policy =
        TinyModels.policy(config, DataType.DOUBLE).withTemperature(0.8)) {
      check(policy.build(shape(policy)).logProbs(), policy);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofWeightedScores_equalsFiniteDifferences(DecoderConfig config) {
    try (TransformerRewardModel model = TransformerRewardModel.random(config, DataType.DOUBLE, 5)) {
      TinyModels.scatter(model.parameters());
      check(model.build(shape(model)), model);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofAnAdapter_equalsFiniteDifferences(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.DOUBLE);
        TransformerPolicy policy = base.withAdapter(LoraTest.everywhere(config), 1)) {
      TinyModels.scatter(policy.parameters());
      check(policy.build(shape(policy)).logProbs(), policy);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofWhatIsNotFrozen_equalsFiniteDifferences(DecoderConfig config) {
    for (FreezeConfig freezing : FreezeTest.ways(config)) {
      try (TransformerPolicy base = TinyModels.policy(config, DataType.DOUBLE);
          TransformerPolicy policy = base.withFrozen(freezing)) {
        check(policy.build(shape(policy)).logProbs(), policy);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofAnAdapterOfScores_equalsFiniteDifferences(DecoderConfig config) {
    try (TransformerRewardModel base = TransformerRewardModel.random(config, DataType.DOUBLE, 5)) {
      TinyModels.scatter(base.parameters());
      try (TransformerRewardModel model = base.withAdapter(LoraTest.everywhere(config), 1)) {
        TinyModels.scatter(model.parameters());
        check(model.build(shape(model)), model);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofLogProbsAndTokenValues_equalsFiniteDifferences(DecoderConfig config) {
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.DOUBLE, 5)) {
      checkWithValues(policy);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofAnAdapterAndTokenValues_equalsFiniteDifferences(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.DOUBLE);
        TransformerPolicy policy = base.withAdapter(LoraTest.everywhere(config), 1)) {
      checkWithValues(policy);
    }
  }

  private static void checkWithValues(TransformerPolicy policy) {
    try (TransformerActorCritic model =
        TransformerActorCritic.fromPolicy(policy.withTemperature(0.8))) {
      TinyModels.scatter(model.parameters());
      ActorCriticGraph built = model.buildWithValues(shape(model));
      SDVariable values = Ops.multiply(built.tokenValues(), built.policy().tokenMask());
      check(Ops.add(built.policy().logProbs(), Ops.sum(values, 1)), model);
    }
  }

  private static BatchShape shape(GraphModel model) {
    return model.shape(PROMPTS, RESPONSES);
  }

  /** The loss is the sum of the values of the sequences, each with its own weight. */
  private static void check(SDVariable values, GraphModel model) {
    SDVariable weights = values.getSameDiff().constant("weights", Nd4j.createFromArray(WEIGHTS));
    String loss = Ops.sum(Ops.multiply(values, weights)).name();
    Parameters parameters = model.parameters();
    Map<String, INDArray> inputs = new HashMap<>(model.feed(shape(model), PROMPTS, RESPONSES));
    inputs.putAll(model.frozenParameters());
    inputs.putAll(parameters.asMap());
    try (Program program =
        Program.withGradient(values.getSameDiff(), loss, parameters.names(), List.of())) {
      Map<String, double[]> gradients = new LinkedHashMap<>();
      Map<String, INDArray> results = program.run(inputs);
      for (String name : parameters.names()) {
        INDArray gradient = Result.array(results, Program.gradientOf(name));
        assertThat(gradient.shape()).isEqualTo(parameters.get(name).shape());
        gradients.put(name, gradient.reshape(gradient.length()).toDoubleVector());
      }
      Random random = new Random(1);
      gradients.forEach(
          (name, gradient) -> {
            double[] one = new double[gradient.length];
            one[random.nextInt(one.length)] = 1;
            double size = 1 / Math.sqrt(gradient.length);
            double[] all = random.doubles(one.length).map(x -> x < 0.5 ? -size : size).toArray();
            for (double[] direction : List.of(one, all)) {
              INDArray parameter = parameters.get(name).reshape(gradient.length);
              INDArray before = parameter.dup();
              INDArray along = Nd4j.createFromArray(direction);
              double expected =
                  FiniteDifferences.gradient(
                      at -> {
                        parameter.assign(before.add(along.mul(at[0])));
                        return Result.scalar(program.run(inputs), loss);
                      },
                      new double[] {0},
                      STEP)[0];
              parameter.assign(before);
              assertThat(product(gradient, direction))
                  .as("%s along %s", name, direction == one ? "one element" : "all")
                  .isCloseTo(expected, within(1e-7 * Math.max(1, Math.abs(expected))));
            }
          });
    }
  }

  private static double product(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
  }
}
