"""Adds to qwen2/ an adapter with a head that PEFT wrote for a reward model, and what the model gives.

The adapter is of Qwen2ForSequenceClassification with one label over the language model in qwen2/.
The expected scores are computed in float64 by decoder.py, and compared with PEFT's
own, which are of float32. Run with transformers 5.18.0, peft 0.21.0, torch 2.13.0:
python golden_scores.py DIRECTORY
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from decoder import hidden
from golden import CONFIG, FREQUENCIES, with_adapter_of
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification


def base(directory):
    torch.manual_seed(7)  # of the head, which the adapter's takes the place of
    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=1)
    model.config.pad_token_id = 0
    return model


def main(directory):
    out = directory / "reward-adapter"
    config = LoraConfig(r=2, lora_alpha=3, target_modules=["k_proj", "up_proj"], task_type="SEQ_CLS")
    adapted = get_peft_model(base(directory), config).eval()
    torch.manual_seed(8)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name or "score.modules_to_save" in name:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    adapted.save_pretrained(out)

    lora = load_file(out / "adapter_model.safetensors")
    weights = load_file(directory / "model.safetensors")
    merged = with_adapter_of(weights, lora, 3 / 2)
    head = lora["base_model.model.score.weight"].astype(np.float64)
    ids = np.random.default_rng(3).integers(1, 24, (4, 15)).tolist()
    scores = [float((hidden(merged, row, CONFIG, FREQUENCIES) @ head.T)[-1, 0]) for row in ids]
    again = PeftModel.from_pretrained(base(directory), out).eval()
    with torch.no_grad():
        theirs = again(torch.tensor(ids)).logits[:, 0].double().numpy()
    np.testing.assert_allclose(scores, theirs, atol=2e-5)
    print("scores:", scores)
    (directory / "expected_scores.json").write_text(
        json.dumps({"token_ids": ids, "scores": scores}, indent=1))


main(Path(sys.argv[1]))
