"""LLaMA, Qwen2 and Qwen3 in float64, from their published forms: what the golden checkpoints here are to give.

RMSNorm (arXiv 1910.07467), rotary positions (2104.09864), grouped queries, SwiGLU; Qwen2 (2407.10671) has a
bias on queries, keys and values, Qwen3 (2505.09388) a norm of each head's query and key.
"""

import numpy as np
import torch


def norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def rotated(x, frequencies):
    """[heads, tokens, size]: elements i and i + size/2 are turned by position * frequency i."""
    half = x.shape[-1] // 2
    angles = np.arange(x.shape[1])[:, None] * frequencies
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def plain_frequencies(theta, size):
    return theta ** (-2 * np.arange(size // 2) / size)


def hidden(weights, ids, sizes, frequencies):
    """[tokens, hidden]: the last hidden state of each token, normalised; sizes as transformers' config."""
    w = {name.removeprefix("model."): value.astype(np.float64) for name, value in weights.items()}
    heads, key_heads, size = sizes.num_attention_heads, sizes.num_key_value_heads, 2 * len(frequencies)
    epsilon = sizes.rms_norm_eps
    x = w["embed_tokens.weight"][ids]
    causal = np.tril(np.ones((len(ids), len(ids)), bool))
    for i in range(sizes.num_hidden_layers):
        at = lambda name: w[f"layers.{i}.{name}.weight"]

        def projected(n, name, count):
            y = n @ at(f"self_attn.{name}_proj").T + w.get(f"layers.{i}.self_attn.{name}_proj.bias", 0)
            y = y.reshape(len(n), count, size).transpose(1, 0, 2)
            of_heads = w.get(f"layers.{i}.self_attn.{name}_norm.weight")
            return y if of_heads is None else norm(y, of_heads, epsilon)

        n = norm(x, at("input_layernorm"), epsilon)
        q = rotated(projected(n, "q", heads), frequencies)
        k = rotated(projected(n, "k", key_heads), frequencies)
        v = projected(n, "v", key_heads)
        mixed = []
        for head in range(heads):
            group = head // (heads // key_heads)
            scores = np.where(causal, q[head] @ k[group].T / np.sqrt(size), -np.inf)
            e = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(e / e.sum(-1, keepdims=True) @ v[group])
        x = x + np.concatenate(mixed, -1) @ at("self_attn.o_proj").T
        n = norm(x, at("post_attention_layernorm"), epsilon)
        gate, up = n @ at("mlp.gate_proj").T, n @ at("mlp.up_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ at("mlp.down_proj").T
    return norm(x, w["norm.weight"], epsilon)


def log_probs(weights, ids, sizes, frequencies):
    """log p of ids[1:], each given those before it."""
    embedding = weights["model.embed_tokens.weight"].astype(np.float64)
    logits = hidden(weights, ids, sizes, frequencies) @ embedding.T
    top = logits.max(-1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return logs[np.arange(len(ids) - 1), ids[1:]]


def theirs(model, ids):
    """The same by transformers."""
    with torch.no_grad():
        logs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return logs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()
