"""Makes qwen3/: a checkpoint that transformers wrote, and what it gives.

The expected numbers are computed below in float64 from the published form of Qwen3 (arXiv 2505.09388:
RMSNorm, also of each head's query and key, rotary positions, grouped queries, SwiGLU, heads of a size of
their own), and compared with transformers' own, which are of float32. Run with transformers 5.18.0,
torch 2.13.0: python golden_qwen3.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Qwen3Config, Qwen3ForCausalLM

THETA, EPSILON, LAYERS, HIDDEN, HEADS, KEY_HEADS, SIZE = 1e4, 1e-6, 2, 20, 4, 2, 6


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def rotated(x):
    """[heads, tokens, size]: elements i and i + size/2 are turned by position * theta^(-2i/size)."""
    half = SIZE // 2
    angles = np.arange(x.shape[1])[:, None] * THETA ** (-2 * np.arange(half) / SIZE)
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def by_head(x, heads):
    return x.reshape(len(x), heads, SIZE).transpose(1, 0, 2)


def log_probs(weights, ids):
    """log p of ids[1:], each given those before it."""
    w = {name.removeprefix("model."): value.astype(np.float64) for name, value in weights.items()}
    x = w["embed_tokens.weight"][ids]
    causal = np.tril(np.ones((len(ids), len(ids)), bool))
    for i in range(LAYERS):
        at = lambda name: w[f"layers.{i}.{name}.weight"]
        n = norm(x, at("input_layernorm"))
        q = norm(by_head(n @ at("self_attn.q_proj").T, HEADS), at("self_attn.q_norm"))
        k = norm(by_head(n @ at("self_attn.k_proj").T, KEY_HEADS), at("self_attn.k_norm"))
        q, k = rotated(q), rotated(k)
        v = by_head(n @ at("self_attn.v_proj").T, KEY_HEADS)
        mixed = []
        for head in range(HEADS):
            group = head // (HEADS // KEY_HEADS)
            scores = np.where(causal, q[head] @ k[group].T / np.sqrt(SIZE), -np.inf)
            e = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(e / e.sum(-1, keepdims=True) @ v[group])
        x = x + np.concatenate(mixed, -1) @ at("self_attn.o_proj").T
        n = norm(x, at("post_attention_layernorm"))
        gate, up = n @ at("mlp.gate_proj").T, n @ at("mlp.up_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ at("mlp.down_proj").T
    logits = norm(x, w["norm.weight"]) @ w["embed_tokens.weight"].T
    top = logits.max(-1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return logs[np.arange(len(ids) - 1), ids[1:]]


def theirs(model, ids):
    with torch.no_grad():
        logs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return logs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()


def main(directory):
    torch.manual_seed(1)
    model = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=24, hidden_size=HIDDEN, intermediate_size=12, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, head_dim=SIZE,
        max_position_embeddings=64, rms_norm_eps=EPSILON, rope_parameters={
            "rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    weights = load_file(directory / "model.safetensors")
    ids = np.random.default_rng(2).integers(0, 24, (3, 20)).tolist()
    expected = [log_probs(weights, row) for row in ids]
    for row, logs in zip(ids, expected):
        np.testing.assert_allclose(logs, theirs(model, row), atol=2e-5)
    (directory / "expected.json").write_text(json.dumps({
        "token_ids": ids, "next_token_logprobs": [row.tolist() for row in expected]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
