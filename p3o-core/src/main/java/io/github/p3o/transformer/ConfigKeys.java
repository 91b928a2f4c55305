package io.github.p3o.transformer;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.util.Locale;

/**
 * How one architecture spells sizes in {@code config.json}, and what Hugging Face takes where a key
 * is absent.
 *
 * @param sizes keys of hidden size, inner size, layers, heads and positions
 * @param defaultSizes of these, in the same order; 0 where it follows from the hidden size
 * @param vocabulary default of {@code vocab_size}
 * @param epsilon key of the norm's epsilon
 * @param defaultEpsilon of it
 * @param activation key of the activation
 * @param defaultActivation of it
 * @param tied default of {@code tie_word_embeddings}
 * @param begin default of {@code bos_token_id}, -1 for none
 * @param end default of {@code eos_token_id}, -1 for none
 * @param headSize default of {@code head_dim}; 0 where it follows from hidden size and heads
 * @param more further keys that this architecture has
 */
record ConfigKeys(
    ImmutableList<String> sizes,
    ImmutableList<Integer> defaultSizes,
    int vocabulary,
    String epsilon,
    double defaultEpsilon,
    String activation,
    String defaultActivation,
    boolean tied,
    int begin,
    int end,
    int headSize,
    ImmutableSet<String> more) {

  private static final ImmutableList<String> USUAL_SIZES =
      ImmutableList.of(
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "num_attention_heads",
          "max_position_embeddings");

  private static final ConfigKeys LLAMA =
      new ConfigKeys(
          USUAL_SIZES,
          ImmutableList.of(4096, 11_008, 32, 32, 2048),
          32_000,
          "rms_norm_eps",
          1e-6,
          "hidden_act",
          "silu",
          false,
          1,
          2,
          0,
          ImmutableSet.of(
              "num_key_value_heads",
              "attention_bias",
              "mlp_bias",
              "attention_dropout",
              "pretraining_tp",
              "head_dim",
              "rope_theta",
              "rope_scaling",
              "rope_parameters",
              "rope_interleaved",
              "partial_rotary_factor",
              "sliding_window",
              "use_sliding_window",
              "is_llama_config"));

  private static final ImmutableSet<String> OF_QWEN =
      ImmutableSet.of(
          "num_key_value_heads",
          "attention_dropout",
          "head_dim",
          "rope_theta",
          "rope_scaling",
          "rope_parameters",
          "sliding_window",
          "use_sliding_window",
          "max_window_layers",
          "use_mrope",
          "layer_types");

  private static final ConfigKeys QWEN2 = ofQwen(0, OF_QWEN);

  private static final ConfigKeys QWEN3 =
      ofQwen(128, ImmutableSet.<String>builder().addAll(OF_QWEN).add("attention_bias").build());

  private static final ConfigKeys GPT_NEOX =
      new ConfigKeys(
          USUAL_SIZES,
          ImmutableList.of(6144, 24_576, 44, 64, 2048),
          50_432,
          "layer_norm_eps",
          1e-5,
          "hidden_act",
          "gelu",
          false,
          0,
          2,
          0,
          ImmutableSet.of(
              "rotary_pct",
              "rotary_emb_base",
              "use_parallel_residual",
              "attention_bias",
              "attention_dropout",
              "hidden_dropout",
              "classifier_dropout",
              "rope_theta",
              "rope_scaling",
              "rope_parameters",
              "partial_rotary_factor",
              "head_dim"));

  private static final ConfigKeys GPT2 =
      new ConfigKeys(
          ImmutableList.of("n_embd", "n_inner", "n_layer", "n_head", "n_positions"),
          ImmutableList.of(768, 0, 12, 12, 1024),
          50_257,
          "layer_norm_epsilon",
          1e-5,
          "activation_function",
          "gelu_new",
          true,
          50_256,
          50_256,
          0,
          ImmutableSet.of(
              "n_ctx",
              "attn_pdrop",
              "embd_pdrop",
              "resid_pdrop",
              "scale_attn_weights",
              "scale_attn_by_inverse_layer_idx",
              "reorder_and_upcast_attn",
              "summary_activation",
              "summary_first_dropout",
              "summary_proj_to_labels",
              "summary_type",
              "summary_use_proj"));

  /** What any configuration can hold without another model coming of it. */
  private static final ImmutableSet<String> HARMLESS =
      ImmutableSet.of(
          // what the file is about
          "_name_or_path",
          "_commit_hash",
          "_attn_implementation_autoset",
          "architectures",
          "auto_map",
          "finetuning_task",
          "initializer_range",
          "model_type",
          "name_or_path",
          "pad_token_id",
          "prefix",
          "problem_type",
          "sep_token_id",
          "task_specific_params",
          "tokenizer_class",
          "transformers_version",
          "transformers.js_config",
          "unsloth_fixed",
          "unsloth_version",
          // the type of its tensors, which they say themselves
          "torch_dtype",
          "dtype",
          "use_bfloat16",
          // how other libraries run it
          "chunk_size_feed_forward",
          "gradient_checkpointing",
          "is_decoder",
          "neftune_noise_alpha",
          "output_attentions",
          "output_hidden_states",
          "output_past",
          "output_scores",
          "return_dict",
          "return_dict_in_generate",
          "tf_legacy_loss",
          "tie_encoder_decoder",
          "torchscript",
          "use_cache",
          // labels of a classifier, whose number its tensors say
          "id2label",
          "label2id",
          "num_labels",
          "_num_labels",
          // how it is sampled by default
          "bad_words_ids",
          "begin_suppress_tokens",
          "decoder_start_token_id",
          "diversity_penalty",
          "do_sample",
          "early_stopping",
          "encoder_no_repeat_ngram_size",
          "exponential_decay_length_penalty",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "length_penalty",
          "max_length",
          "max_new_tokens",
          "min_length",
          "no_repeat_ngram_size",
          "num_beam_groups",
          "num_beams",
          "num_return_sequences",
          "remove_invalid_values",
          "repetition_penalty",
          "suppress_tokens",
          "temperature",
          "top_k",
          "top_p",
          "typical_p");

  /** Those that {@link DecoderConfigJson} reads from any. */
  private static final ImmutableSet<String> READ =
      ImmutableSet.of(
          "vocab_size",
          "bos_token_id",
          "eos_token_id",
          "tie_word_embeddings",
          "quantization_config",
          "pruned_heads",
          "is_encoder_decoder",
          "cross_attention_hidden_size",
          "add_cross_attention");

  private static ConfigKeys ofQwen(int headSize, ImmutableSet<String> more) {
    return new ConfigKeys(
        USUAL_SIZES,
        ImmutableList.of(4096, 22_016, 32, 32, 32_768),
        151_936,
        "rms_norm_eps",
        1e-6,
        "hidden_act",
        "silu",
        false,
        -1,
        -1,
        headSize,
        more);
  }

  static ConfigKeys of(Architecture architecture) {
    return switch (architecture) {
      case GPT2 -> GPT2;
      case GPT_NEOX -> GPT_NEOX;
      case LLAMA -> LLAMA;
      case QWEN2 -> QWEN2;
      case QWEN3 -> QWEN3;
    };
  }

  /** Whether a key is read, or changes nothing. */
  boolean isKnown(String key) {
    return sizes.contains(key)
        || key.equals(epsilon)
        || key.equals(activation)
        || more.contains(key)
        || READ.contains(key)
        || HARMLESS.contains(key);
  }

  /** The name that {@code config.json} gives an activation. */
  static String nameOf(DecoderConfig.Activation activation) {
    return activation == DecoderConfig.Activation.GELU_TANH
        ? "gelu_new"
        : activation.name().toLowerCase(Locale.ROOT);
  }
}
