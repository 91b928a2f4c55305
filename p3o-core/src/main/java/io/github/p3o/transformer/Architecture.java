package io.github.p3o.transformer;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The families of decoders that this library runs. Each is a choice among the same blocks and a
 * spelling of the same tensors; {@link DecoderConfig} holds what differs from model to model.
 */
public enum Architecture {

  /** GPT-2: LayerNorm, learned positions, biases everywhere. */
  GPT2("gpt2", "GPT2LMHeadModel", "GPT2ForSequenceClassification"),

  /** GPT-NeoX, as Pythia: LayerNorm, rotary positions of a part of each head. */
  GPT_NEOX("gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXForSequenceClassification"),

  /** LLaMA, as SmolLM and TinyLlama: RMSNorm, rotary positions, SwiGLU, grouped queries. */
  LLAMA("llama", "LlamaForCausalLM", "LlamaForSequenceClassification"),

  /** Qwen2 and Qwen2.5: LLaMA with biases on queries, keys and values. */
  QWEN2("qwen2", "Qwen2ForCausalLM", "Qwen2ForSequenceClassification"),

  /** Qwen3: LLaMA with a norm of each head's query and key. */
  QWEN3("qwen3", "Qwen3ForCausalLM", "Qwen3ForSequenceClassification");

  private static final ImmutableMap<String, Architecture> BY_MODEL_TYPE =
      Maps.uniqueIndex(Arrays.asList(values()), Architecture::modelType);

  private final String modelType;
  private final String languageModel;
  private final String classifier;

  Architecture(String modelType, String languageModel, String classifier) {
    this.modelType = modelType;
    this.languageModel = languageModel;
    this.classifier = classifier;
  }

  /**
   * How Hugging Face's {@code config.json} spells it.
   *
   * @return {@code model_type}
   */
  public String modelType() {
    return modelType;
  }

  /** The architecture of that {@code model_type}, null if there is none. */
  static @Nullable Architecture ofModelType(String modelType) {
    return BY_MODEL_TYPE.get(modelType);
  }

  /** Every known {@code model_type}. */
  static ImmutableSet<String> modelTypes() {
    return ImmutableSet.copyOf(BY_MODEL_TYPE.keySet());
  }

  /** Hugging Face's class of language models. */
  String languageModel() {
    return languageModel;
  }

  /** Hugging Face's class of models with scores in place of logits. */
  String classifier() {
    return classifier;
  }

  /** Whether rows are centred and shifted too; else only scaled, as RMSNorm does. */
  boolean hasLayerNorm() {
    return this == GPT2 || this == GPT_NEOX;
  }

  /** Whether each head's query and key is normalised before it is turned. */
  boolean hasHeadNorms() {
    return this == QWEN3;
  }

  /** Whether the inner layer is multiplied by a gate, as in SwiGLU. */
  boolean isGated() {
    return !hasLayerNorm();
  }
}
