"""Makes llama3/: a checkpoint that transformers wrote, with rotary positions scaled as in LLaMA 3.1.

The expected numbers are computed below in float64 from the published form of LLaMA (RMSNorm, rotary
positions, grouped queries, SwiGLU), with frequencies scaled as in LLaMA 3.1 and, from the same weights,
linearly (arXiv 2306.15595), and compared with transformers' own, which are of float32. Run with
transformers 5.18.0, torch 2.13.0: python golden_llama3.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import LlamaConfig, LlamaForCausalLM

THETA, EPSILON, LAYERS, HEADS, KEY_HEADS, SIZE = 100.0, 1e-5, 2, 4, 2, 8
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64}
LINEAR = {"rope_type": "linear", "factor": 4.0}


def frequencies(scaling):
    result = []
    for i in range(SIZE // 2):
        frequency = THETA ** (-2 * i / SIZE)
        long = frequency / scaling["factor"]
        if scaling["rope_type"] == "linear":
            result.append(long)
            continue
        wavelength = 2 * np.pi / frequency
        original = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        if wavelength < original / high:
            result.append(frequency)
        elif wavelength > original / low:
            result.append(long)
        else:
            share = (original / wavelength - low) / (high - low)
            result.append((1 - share) * long + share * frequency)
    return np.array(result)


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def rotated(x, scaling):
    """[heads, tokens, size]: elements i and i + size/2 are turned by position * frequency."""
    half = SIZE // 2
    angles = np.arange(x.shape[1])[:, None] * frequencies(scaling)
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def by_head(x, heads):
    return x.reshape(len(x), heads, SIZE).transpose(1, 0, 2)


def log_probs(weights, ids, scaling):
    """log p of ids[1:], each given those before it."""
    w = {name.removeprefix("model."): value.astype(np.float64) for name, value in weights.items()}
    x = w["embed_tokens.weight"][ids]
    causal = np.tril(np.ones((len(ids), len(ids)), bool))
    for i in range(LAYERS):
        at = lambda name: w[f"layers.{i}.{name}.weight"]
        n = norm(x, at("input_layernorm"))
        q = rotated(by_head(n @ at("self_attn.q_proj").T, HEADS), scaling)
        k = rotated(by_head(n @ at("self_attn.k_proj").T, KEY_HEADS), scaling)
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


def model_of(scaling):
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=24, hidden_size=HEADS * SIZE, intermediate_size=12, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, max_position_embeddings=512,
        rms_norm_eps=EPSILON, rope_parameters={"rope_theta": THETA, **scaling},
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def main(directory):
    model = model_of(LLAMA3)
    model.save_pretrained(directory)
    weights = load_file(directory / "model.safetensors")
    ids = np.random.default_rng(2).integers(0, 24, (2, 90)).tolist()
    expected = {"token_ids": ids}
    for name, scaling in (("next_token_logprobs", LLAMA3), ("next_token_logprobs_linear", LINEAR)):
        ours = [log_probs(weights, row, scaling) for row in ids]
        other = model_of(scaling)
        for row, logs in zip(ids, ours):
            np.testing.assert_allclose(logs, theirs(other, row), atol=5e-5)
        expected[name] = [row.tolist() for row in ours]
    unscaled = [log_probs(weights, row, {"rope_type": "linear", "factor": 1.0}) for row in ids]
    print("greatest differences of scaling:", *(
        np.abs(np.array(expected[name]) - unscaled).max() for name in list(expected)[1:]))
    (directory / "expected.json").write_text(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
