"""Makes qwen2/: a checkpoint that transformers wrote, an adapter that PEFT wrote, and what both give.

The expected numbers are computed below in float64 from the published form of Qwen2 (arXiv 2407.10671:
RMSNorm, rotary positions, grouped queries, SwiGLU, bias on queries, keys and values), and compared
with transformers' and PEFT's own, which are of float32. Run with transformers 5.18.0, peft 0.21.0,
torch 2.13.0: python golden.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file
from transformers import Qwen2Config, Qwen2ForCausalLM

THETA, EPSILON, LAYERS, HEADS, KEY_HEADS, SIZE = 1e6, 1e-6, 2, 4, 2, 4


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


def hidden(weights, ids):
    """[tokens, hidden]: the last hidden state of each token, normalised."""
    w = {name.removeprefix("model."): value.astype(np.float64) for name, value in weights.items()}
    x = w["embed_tokens.weight"][ids]
    causal = np.tril(np.ones((len(ids), len(ids)), bool))
    for i in range(LAYERS):
        at = lambda name: w[f"layers.{i}.{name}"]
        linear = lambda x, name: x @ at(f"self_attn.{name}.weight").T + at(f"self_attn.{name}.bias")
        n = norm(x, at("input_layernorm.weight"))
        q = rotated(by_head(linear(n, "q_proj"), HEADS))
        k = rotated(by_head(linear(n, "k_proj"), KEY_HEADS))
        v = by_head(linear(n, "v_proj"), KEY_HEADS)
        mixed = []
        for head in range(HEADS):
            group = head // (HEADS // KEY_HEADS)
            scores = np.where(causal, q[head] @ k[group].T / np.sqrt(SIZE), -np.inf)
            e = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(e / e.sum(-1, keepdims=True) @ v[group])
        x = x + np.concatenate(mixed, -1) @ at("self_attn.o_proj.weight").T
        n = norm(x, at("post_attention_layernorm.weight"))
        gate, up = n @ at("mlp.gate_proj.weight").T, n @ at("mlp.up_proj.weight").T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ at("mlp.down_proj.weight").T
    return norm(x, w["norm.weight"])


def log_probs(weights, ids):
    """log p of ids[1:], each given those before it."""
    logits = hidden(weights, ids) @ weights["model.embed_tokens.weight"].astype(np.float64).T
    top = logits.max(-1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return logs[np.arange(len(ids) - 1), ids[1:]]


def with_adapter_of(weights, lora, scale):
    """W + scale B A for each product that an adapter in PEFT's layout has."""
    merged = dict(weights)
    for name in weights:
        a = "base_model.model." + name.replace(".weight", ".lora_A.weight")
        if a in lora:
            b = lora[a.replace("lora_A", "lora_B")].astype(np.float64)
            merged[name] = weights[name] + scale * b @ lora[a]
    return merged


def theirs(model, ids):
    with torch.no_grad():
        logs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return logs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()


def main(directory):
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=24, hidden_size=16, intermediate_size=12, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, max_position_embeddings=64,
        rms_norm_eps=EPSILON, rope_theta=THETA, tie_word_embeddings=True, bos_token_id=1,
        eos_token_id=2)
    model = Qwen2ForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    weights = load_file(directory / "model.safetensors")

    targets = ["q_proj", "v_proj", "down_proj"]
    adapted = get_peft_model(model, LoraConfig(r=2, lora_alpha=3, target_modules=targets)).eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    adapted.save_pretrained(directory / "adapter")
    lora = load_file(directory / "adapter" / "adapter_model.safetensors")
    merged = with_adapter_of(weights, lora, 3 / 2)

    ids = np.random.default_rng(2).integers(0, 24, (3, 20)).tolist()
    plain = [log_probs(weights, row) for row in ids]
    with_adapter = [log_probs(merged, row) for row in ids]
    with adapted.disable_adapter():
        for row, ours in zip(ids, plain):
            np.testing.assert_allclose(ours, theirs(adapted, row), atol=2e-5)
    for row, ours in zip(ids, with_adapter):
        np.testing.assert_allclose(ours, theirs(adapted, row), atol=2e-5)
    print("greatest difference of an adapter:", np.abs(np.array(with_adapter) - plain).max())
    (directory / "expected.json").write_text(json.dumps({
        "token_ids": ids,
        "next_token_logprobs": [row.tolist() for row in plain],
        "next_token_logprobs_with_adapter": [row.tolist() for row in with_adapter]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
