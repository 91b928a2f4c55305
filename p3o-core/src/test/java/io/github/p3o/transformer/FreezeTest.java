package io.github.p3o.transformer;

import static io.github.p3o.transformer.TinyModels.PROMPTS;
import static io.github.p3o.transformer.TinyModels.RESPONSES;
import static io.github.p3o.transformer.TinyModels.logProbs;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.BatchShape;
import io.github.p3o.Checkpoint;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PolicyGraph;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.train.SftTrainer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Models of which a part is trained. */
class FreezeTest {

  @TempDir Path directory;

  /** The first layer; and what no gradient needs to pass, though others beside it are trained. */
  static ImmutableList<FreezeConfig> ways(DecoderConfig config) {
    DecoderTensors.Layer first = DecoderTensors.of(config).layers().get(0);
    Linear keys = first.queryKeyValue().get(first.queryKeyValue().size() / 2);
    FreezeConfig firstLayer = FreezeConfig.firstLayers(config.architecture(), 1);
    return ImmutableList.of(
        firstLayer,
        FreezeConfig.firstLayers(config.architecture(), 2),
        new FreezeConfig(
            ImmutableSet.of(
                firstLayer.names().asList().get(0),
                keys.module(),
                first.attentionNorm().weight(),
                first.down().weight())));
  }

  private static FreezeConfig firstLayer(DecoderConfig config) {
    return ways(config).get(0);
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void withFrozen_atTheStart_isExactlyTheModel(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(firstLayer(config))) {
      assertThat(logProbs(policy)).isEqualTo(logProbs(base));
      assertThat(policy.greedy(PROMPTS, 9)).isEqualTo(base.greedy(PROMPTS, 9));
      assertThat(policy.parameters().names())
          .doesNotContainAnyElementsOf(policy.frozenParameters().keySet());
      assertThat(policy.frozenParameters().keySet())
          .containsExactlyElementsOf(
              base.parameters().names().stream().filter(firstLayer(config)::freezes).toList());
      assertThat(policy.parameters().count())
          .isEqualTo(
              base.parameters().count()
                  - policy.frozenParameters().values().stream().mapToLong(INDArray::length).sum());
      assertThat(policy.adapter()).isEmpty();
    }
  }

  /** Whatever is trained: what is frozen is the same memory before and after. */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void frozenCopy_afterAnUpdate_sharesWhatIsFrozen(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(firstLayer(config));
        TransformerPolicy reference = policy.frozenCopy()) {
      base.close();
      double[] before = logProbs(policy);
      assertThat(reference.parameters().vector()).isSameAs(policy.parameters().vector());
      policy.parameters().update(vector -> vector.muli(1.1));

      assertThat(reference.parameters().vector()).isNotSameAs(policy.parameters().vector());
      policy
          .frozenParameters()
          .forEach(
              (name, array) -> assertThat(reference.frozenParameters().get(name)).isSameAs(array));
      assertThat(logProbs(reference)).isEqualTo(before);
      assertThat(logProbs(policy)).isNotEqualTo(before);
    }
  }

  /**
   * In float32 too, whose attention is another step: the gradients are those of a whole training.
   */
  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void gradient_ofWhatIsTrained_isThatOfTheWholeModels(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT)) {
      Map<String, double[]> expected = gradients(base);
      for (FreezeConfig freezing : ways(config)) {
        try (TransformerPolicy policy = base.withFrozen(freezing)) {
          gradients(policy)
              .forEach(
                  (name, gradient) ->
                      assertThat(gradient)
                          .as(name)
                          .containsExactly(
                              expected.getOrDefault(name, new double[0]), within(1e-4)));
        }
      }
    }
  }

  /** Of the sum of log-probabilities, by name. */
  private static Map<String, double[]> gradients(TransformerPolicy policy) {
    BatchShape shape = policy.shape(PROMPTS, RESPONSES);
    Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, PROMPTS, RESPONSES));
    inputs.putAll(policy.frozenParameters());
    inputs.putAll(policy.parameters().asMap());
    SDVariable logProbs = policy.build(shape).logProbs();
    String loss = Ops.sum(logProbs).name();
    Map<String, double[]> gradients = new HashMap<>();
    try (Program program =
        Program.withGradient(
            logProbs.getSameDiff(), loss, policy.parameters().names(), List.of())) {
      Map<String, INDArray> results = program.run(inputs);
      for (String name : policy.parameters().names()) {
        INDArray gradient = Result.array(results, Program.gradientOf(name));
        gradients.put(name, gradient.reshape(gradient.length()).toDoubleVector());
      }
    }
    return gradients;
  }

  @ParameterizedTest
  @MethodSource("io.github.p3o.transformer.TinyModels#architectures")
  void train_someSteps_changesAllButWhatIsFrozen(DecoderConfig config) {
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(firstLayer(config));
        P3OTrainer trainer = TinyModels.trainer(policy).build()) {
      trainer.train(3);
      base.parameters()
          .asMap()
          .forEach(
              (name, before) -> {
                INDArray frozen = policy.frozenParameters().get(name);
                if (frozen != null) {
                  assertThat(frozen).as(name).isEqualTo(before);
                } else {
                  assertThat(policy.parameters().get(name)).as(name).isNotEqualTo(before);
                }
              });
      // Optimiser state is of what is trained alone.
      assertThat(trainer.checkpoint().tensors().values().stream().mapToLong(INDArray::length).sum())
          .isEqualTo(3 * policy.parameters().count());
    }
  }

  @Test
  void restore_inANewModel_goesOnToTheSameBits() {
    FreezeConfig freezing = firstLayer(TinyModels.config());
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(freezing);
        TransformerPolicy again = base.withFrozen(freezing);
        TransformerPolicy whole = base.withFrozen(new FreezeConfig(ImmutableSet.of("norm")));
        P3OTrainer trainer = TinyModels.trainer(policy).build();
        P3OTrainer resumed = TinyModels.trainer(again).build();
        P3OTrainer ofMore = TinyModels.trainer(whole).build()) {
      trainer.train(2);
      Checkpoint checkpoint = trainer.checkpoint();
      resumed.restore(checkpoint);
      assertThatThrownBy(() -> ofMore.restore(checkpoint))
          .isInstanceOf(IllegalArgumentException.class);
      trainer.train(2);
      resumed.train(2);
      assertThat(again.parameters().vector()).isEqualTo(policy.parameters().vector());
      assertThat(logProbs(again)).isEqualTo(logProbs(policy));
    }
  }

  /** The same trained values over other frozen ones are another policy, and another model. */
  @Test
  void restore_overOtherFrozenParameters_isRefused() {
    FreezeConfig freezing = firstLayer(TinyModels.config());
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(freezing);
        P3OTrainer trainer = TinyModels.trainer(policy).build();
        SftTrainer supervised = supervised(policy);
        SftTrainer again = supervised(policy)) {
      Checkpoint checkpoint = trainer.checkpoint();
      Checkpoint ofSupervised = supervised.checkpoint();
      again.restore(ofSupervised);
      base.parameters()
          .update(
              vector ->
                  Result.array(
                          base.parameters().viewsInto(vector), "model.layers.0.mlp.up_proj.weight")
                      .addi(1));
      try (TransformerPolicy other = base.withFrozen(freezing);
          P3OTrainer ofOther = TinyModels.trainer(other).build();
          SftTrainer supervisedOther = supervised(other)) {
        assertThat(other.parameters().vector()).isEqualTo(policy.parameters().vector());
        assertThatIllegalArgumentException()
            .isThrownBy(() -> ofOther.restore(checkpoint))
            .withMessageContaining("reference");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> supervisedOther.restore(ofSupervised))
            .withMessageMatching(
                "frozenParameters: expected \\[\\d+]:\\w+ as in the checkpoint, got \\[\\d+]:\\w+");
      }
    }
  }

  private static SftTrainer supervised(TransformerPolicy policy) {
    TokenLoss negated =
        new TokenLoss() {
          @Override
          public String name() {
            return "negated";
          }

          @Override
          public SDVariable build(PolicyGraph graph) {
            return Ops.negate(graph.tokenLogProbs());
          }
        };
    return new SftTrainer(policy, negated, OptimizerConfig.adamW(0.01), 4);
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void save_ofATrainedPart_writesTheWholeModel(Precision precision) {
    DecoderConfig config = TinyModels.config();
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(firstLayer(config))) {
      TinyModels.scatter(policy.parameters());
      policy.save(directory, precision);
      try (TransformerPolicy loaded = TransformerPolicy.load(directory)) {
        assertThat(loaded.parameters().names()).isEqualTo(base.parameters().names());
        assertThat(logProbs(loaded)).isEqualTo(logProbs(policy));
        assertThat(logProbs(loaded)).isNotEqualTo(logProbs(base));
      }
      try (TransformerRewardModel scoring = TransformerRewardModel.fromPolicy(policy)) {
        assertThat(scoring.parameters().names()).contains("model.embed_tokens.weight");
      }
    }
  }

  @Test
  void fromPolicy_ofAPartlyFrozenPolicy_trainsTheSamePartAndTheValues() {
    DecoderConfig config = TinyModels.config();
    try (TransformerPolicy base = TinyModels.policy(config, DataType.FLOAT);
        TransformerPolicy policy = base.withFrozen(firstLayer(config));
        TransformerActorCritic both = TransformerActorCritic.fromPolicy(policy)) {
      assertThat(both.parameters().count())
          .isEqualTo(policy.parameters().count() + config.hiddenSize());
      policy
          .frozenParameters()
          .forEach((name, array) -> assertThat(both.frozenParameters().get(name)).isSameAs(array));
      both.parameters().update(vector -> vector.muli(0.5));
      both.exportTo(policy);
      assertThat(logProbs(policy)).isEqualTo(logProbs(both)).isNotEqualTo(logProbs(base));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> both.exportTo(base))
          .withMessageMatching("target: expected the frozen parameters \\[.+], got \\[]");
    }
  }

  @Test
  void firstLayers_ofGpt2WithBareNames_areFoundToo() {
    assertThat(FreezeConfig.firstLayers(Architecture.GPT2, 1).freezes("h.0.attn.c_attn.bias"))
        .isTrue();
    assertThat(FreezeConfig.firstLayers(Architecture.GPT2, 1).freezes("wpe.weight")).isTrue();
    assertThat(FreezeConfig.firstLayers(Architecture.GPT2, 1).freezes("h.10.ln_1.bias")).isFalse();
    assertThat(FreezeConfig.firstLayers(Architecture.LLAMA, 2).freezes("model.layers.1.x"))
        .isTrue();
    assertThat(FreezeConfig.firstLayers(Architecture.LLAMA, 2).freezes("model.layers.12.x"))
        .isFalse();
  }

  @Test
  void withFrozen_ofNamesThatMeanNothing_isRefused() {
    try (TransformerPolicy base = TinyModels.policy(TinyModels.config(), DataType.FLOAT)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> base.withFrozen(new FreezeConfig(ImmutableSet.of("norm", "layers.2"))))
          .withMessageStartingWith(
              "names: expected parts of the names of parameters, such as"
                  + " [model.embed_tokens.weight, model.layers.0.input_layernorm.weight, ")
          .withMessageEndingWith(", model.norm.weight, lm_head.weight], got layers.2");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> base.withFrozen(new FreezeConfig(ImmutableSet.of("weight"))))
          .withMessage(
              "names: expected some parameters left to train, got [weight], which freeze all");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new FreezeConfig(ImmutableSet.of()))
          .withMessage("names: expected at least one, got none");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> FreezeConfig.firstLayers(Architecture.LLAMA, -1))
          .withMessage("layers: expected at least 0, got -1");
      FreezeConfig norm = new FreezeConfig(ImmutableSet.of("model.norm"));
      LoraConfig lora = LoraConfig.of(Architecture.LLAMA, 1);
      try (TransformerPolicy frozen = base.withFrozen(norm);
          TransformerPolicy adapted = base.withAdapter(lora, 1)) {
        assertThatIllegalStateException()
            .isThrownBy(() -> frozen.withFrozen(norm))
            .withMessage("frozen: expected no parameters yet, got [model.norm.weight]");
        assertThatIllegalStateException().isThrownBy(() -> frozen.withAdapter(lora, 1));
        assertThatIllegalStateException().isThrownBy(frozen::withoutAdapter);
        assertThatIllegalStateException().isThrownBy(frozen::merged);
        assertThatIllegalStateException().isThrownBy(() -> frozen.saveAdapter(directory));
        assertThatIllegalStateException()
            .isThrownBy(() -> adapted.withFrozen(norm))
            .withMessageStartingWith("adapter: expected none yet");
      }
    }
  }
}
