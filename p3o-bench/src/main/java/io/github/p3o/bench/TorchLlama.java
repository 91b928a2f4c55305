package io.github.p3o.bench;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.cos;
import static org.bytedeco.pytorch.global.torch.embedding;
import static org.bytedeco.pytorch.global.torch.gather;
import static org.bytedeco.pytorch.global.torch.linear;
import static org.bytedeco.pytorch.global.torch.log_softmax;
import static org.bytedeco.pytorch.global.torch.rsqrt;
import static org.bytedeco.pytorch.global.torch.scaled_dot_product_attention;
import static org.bytedeco.pytorch.global.torch.silu;
import static org.bytedeco.pytorch.global.torch.sin;
import static org.bytedeco.pytorch.global.torch.zeros;

import io.github.p3o.Parameters;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A LLaMA-style decoder in PyTorch, as its users write it: fused linear layers and fused causal
 * attention. The weights are copies of a policy's, under the names of Hugging Face.
 */
final class TorchLlama {

  private final ModelSize size;
  private final Map<String, Tensor> weights = new LinkedHashMap<>();
  private final Tensor cosines;
  private final Tensor sines;

  /** Keys and values of each layer {@code [sequences, heads, columns, d]}, allocated once. */
  static final class Cache {
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();

    Cache(ModelSize size, int sequences, int columns) {
      for (int layer = 0; layer < size.layers(); layer++) {
        keys.add(zeros(sequences, size.heads(), columns, size.headSize()));
        values.add(zeros(sequences, size.heads(), columns, size.headSize()));
      }
    }

    /** Writes columns, and gives all up to them. */
    private static Tensor extend(Tensor cache, int from, Tensor columns) {
      cache.narrow(2, from, columns.size(2)).copy_(columns);
      return cache.narrow(2, 0, from + columns.size(2));
    }
  }

  /** Copies the parameters, for sequences of up to so many tokens. */
  TorchLlama(ModelSize size, Parameters parameters, int positions) {
    this.size = size;
    parameters
        .asMap()
        .forEach((name, array) -> weights.put(name, copy(array).requires_grad_(true)));
    int half = size.headSize() / 2;
    float[] angles = new float[positions * half];
    for (int t = 0; t < positions; t++) {
      for (int i = 0; i < half; i++) {
        angles[t * half + i] = (float) (t * Math.pow(10_000, -2.0 * i / size.headSize()));
      }
    }
    Tensor table = AbstractTensor.create(angles, positions, half);
    cosines = cos(cat(new TensorVector(table, table), -1));
    sines = sin(cat(new TensorVector(table, table), -1));
  }

  private static Tensor copy(INDArray array) {
    return AbstractTensor.create(array.dup('c').data().asFloat(), array.shape());
  }

  TensorVector parameters() {
    return new TensorVector(weights.values().toArray(Tensor[]::new));
  }

  private Tensor weight(String name) {
    Tensor weight = weights.get(name);
    if (weight == null) {
      throw new IllegalArgumentException("name: expected one of " + weights.keySet());
    }
    return weight;
  }

  /**
   * log π of the tokens from {@code prompt} on, summed; {@code ids} is {@code [sequences, tokens]}.
   */
  Tensor logProbs(Tensor ids, int prompt) {
    int responses = size.tokens() - prompt;
    Tensor hidden = norm(body(ids, 0, null), "model.norm.weight").narrow(1, prompt - 1, responses);
    Tensor logits = linear(hidden, weight("lm_head.weight"));
    Tensor targets = ids.narrow(1, prompt, responses).unsqueeze(-1);
    return gather(log_softmax(logits, -1), -1, targets).squeeze(-1).sum(1);
  }

  /**
   * Logits {@code [sequences, vocabulary]} of the token after some columns.
   *
   * @param ids {@code [sequences, columns]}
   * @param from how many columns the cache has already
   */
  Tensor next(Tensor ids, int from, Cache cache) {
    Tensor last = body(ids, from, cache).narrow(1, ids.size(1) - 1, 1).squeeze(1);
    return linear(norm(last, "model.norm.weight"), weight("lm_head.weight"));
  }

  private Tensor body(Tensor ids, int from, @Nullable Cache cache) {
    Tensor hidden = embedding(weight("model.embed_tokens.weight"), ids);
    for (int layer = 0; layer < size.layers(); layer++) {
      String name = "model.layers." + layer + ".";
      Tensor normed = norm(hidden, name + "input_layernorm.weight");
      hidden = hidden.add(attention(normed, layer, from, cache));
      hidden =
          hidden.add(feedForward(norm(hidden, name + "post_attention_layernorm.weight"), name));
    }
    return hidden;
  }

  private Tensor norm(Tensor x, String name) {
    Tensor square = x.multiply(x).mean(new long[] {-1}, true, new ScalarTypeOptional());
    return x.multiply(rsqrt(square.add(new Scalar(size.normEpsilon())))).multiply(weight(name));
  }

  private Tensor heads(Tensor x, String name) {
    return linear(x, weight(name))
        .view(x.size(0), x.size(1), size.heads(), size.headSize())
        .transpose(1, 2);
  }

  private Tensor attention(Tensor x, int layer, int from, @Nullable Cache cache) {
    String name = "model.layers." + layer + ".";
    Tensor q = rotate(heads(x, name + "self_attn.q_proj.weight"), from);
    Tensor k = rotate(heads(x, name + "self_attn.k_proj.weight"), from);
    Tensor v = heads(x, name + "self_attn.v_proj.weight");
    if (cache != null) {
      k = Cache.extend(cache.keys.get(layer), from, k);
      v = Cache.extend(cache.values.get(layer), from, v);
    }
    boolean causal = x.size(1) > 1; // one token sees all before it
    Tensor mixed =
        scaled_dot_product_attention(
            q, k, v, new TensorOptional(), 0.0, causal, new DoubleOptional(), false);
    Tensor joined = mixed.transpose(1, 2).reshape(x.size(0), x.size(1), size.width());
    return linear(joined, weight(name + "self_attn.o_proj.weight"));
  }

  private Tensor rotate(Tensor x, int from) {
    int half = size.headSize() / 2;
    Tensor turned =
        cat(new TensorVector(x.narrow(-1, half, half).negative(), x.narrow(-1, 0, half)), -1);
    Tensor cosine = cosines.narrow(0, from, x.size(2));
    Tensor sine = sines.narrow(0, from, x.size(2));
    return x.multiply(cosine).add(turned.multiply(sine));
  }

  private Tensor feedForward(Tensor x, String name) {
    Tensor gate = silu(linear(x, weight(name + "mlp.gate_proj.weight")));
    Tensor up = linear(x, weight(name + "mlp.up_proj.weight"));
    return linear(gate.multiply(up), weight(name + "mlp.down_proj.weight"));
  }
}
