"""Makes qwen3/: a checkpoint that transformers wrote, and what it gives.

The expected numbers are computed in float64 by decoder.py, and compared with transformers' own, which are
of float32. Run with transformers 5.18.0, torch 2.13.0: python golden_qwen3.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import decoder
import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Qwen3Config, Qwen3ForCausalLM

THETA, SIZE = 1e4, 6


def main(directory):
    torch.manual_seed(1)
    model = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=24, hidden_size=20, intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=SIZE,
        max_position_embeddings=64, rms_norm_eps=1e-6, rope_parameters={
            "rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    weights = load_file(directory / "model.safetensors")
    ids = np.random.default_rng(2).integers(0, 24, (3, 20)).tolist()
    frequencies = decoder.plain_frequencies(THETA, SIZE)
    expected = [decoder.log_probs(weights, row, model.config, frequencies) for row in ids]
    for row, logs in zip(ids, expected):
        np.testing.assert_allclose(logs, decoder.theirs(model, row), atol=2e-5)
    (directory / "expected.json").write_text(json.dumps({
        "token_ids": ids, "next_token_logprobs": [row.tolist() for row in expected]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
