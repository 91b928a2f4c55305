"""Makes qwen2/: a checkpoint that transformers wrote, an adapter that PEFT wrote, and what both give.

The expected numbers are computed in float64 by decoder.py, and compared with transformers' and PEFT's
own, which are of float32. Run with transformers 5.18.0, peft 0.21.0, torch 2.13.0:
python golden.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import decoder
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file
from transformers import Qwen2Config, Qwen2ForCausalLM

CONFIG = Qwen2Config(
    vocab_size=24, hidden_size=16, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-6, rope_theta=1e6,
    tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
FREQUENCIES = decoder.plain_frequencies(1e6, 4)


def with_adapter_of(weights, lora, scale):
    """W + scale B A for each product that an adapter in PEFT's layout has."""
    merged = dict(weights)
    for name in weights:
        a = "base_model.model." + name.replace(".weight", ".lora_A.weight")
        if a in lora:
            b = lora[a.replace("lora_A", "lora_B")].astype(np.float64)
            merged[name] = weights[name] + scale * b @ lora[a]
    return merged


def main(directory):
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(CONFIG).eval()
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
    plain = [decoder.log_probs(weights, row, CONFIG, FREQUENCIES) for row in ids]
    with_adapter = [decoder.log_probs(merged, row, CONFIG, FREQUENCIES) for row in ids]
    with adapted.disable_adapter():
        for row, ours in zip(ids, plain):
            np.testing.assert_allclose(ours, decoder.theirs(adapted, row), atol=2e-5)
    for row, ours in zip(ids, with_adapter):
        np.testing.assert_allclose(ours, decoder.theirs(adapted, row), atol=2e-5)
    print("greatest difference of an adapter:", np.abs(np.array(with_adapter) - plain).max())
    (directory / "expected.json").write_text(json.dumps({
        "token_ids": ids,
        "next_token_logprobs": [row.tolist() for row in plain],
        "next_token_logprobs_with_adapter": [row.tolist() for row in with_adapter]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
