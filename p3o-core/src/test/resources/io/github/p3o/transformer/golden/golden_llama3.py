"""Makes llama3/: a checkpoint that transformers wrote, with rotary positions scaled as in LLaMA 3.1.

The expected numbers are computed in float64 by decoder.py, with frequencies scaled as in LLaMA 3.1 and,
from the same weights, linearly (arXiv 2306.15595), and compared with transformers' own, which are of
float32. Run with transformers 5.18.0, torch 2.13.0: python golden_llama3.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import decoder
import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import LlamaConfig, LlamaForCausalLM

THETA, HEADS, SIZE = 100.0, 4, 8
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64}
LINEAR = {"rope_type": "linear", "factor": 4.0}


def frequencies(scaling):
    result = []
    for frequency in decoder.plain_frequencies(THETA, SIZE):
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


def model_of(scaling):
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=24, hidden_size=HEADS * SIZE, intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=2, max_position_embeddings=512,
        rms_norm_eps=1e-5, rope_parameters={"rope_theta": THETA, **scaling},
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
        ours = [decoder.log_probs(weights, row, model.config, frequencies(scaling)) for row in ids]
        other = model_of(scaling)
        for row, logs in zip(ids, ours):
            np.testing.assert_allclose(logs, decoder.theirs(other, row), atol=5e-5)
        expected[name] = [row.tolist() for row in ours]
    plain = decoder.plain_frequencies(THETA, SIZE)
    unscaled = [decoder.log_probs(weights, row, model.config, plain) for row in ids]
    print("greatest differences of scaling:", *(
        np.abs(np.array(expected[name]) - unscaled).max() for name in list(expected)[1:]))
    (directory / "expected.json").write_text(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
