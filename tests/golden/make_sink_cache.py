"""Writes sink_cache.json: greedy tokens and logits of a tiny LLaMA with the sink cache of transformers 4.46.3.

Run with that release, which still had one, from the folder `tests`:

    PYTHONPATH=. python golden/make_sink_cache.py

The model is called with positions inside the window, as the paper has it (Xiao et al. 2023, section 3.2): the release's own
`generate` passes positions in the whole text, which drift away from the keys it has moved. The first input fills the window:
with a shorter one the release moves the keys once before any token has been dropped.
"""

import json
from pathlib import Path

import torch
import transformers
from kit import filled

CONFIG = {
    "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "eos_token_id": None, "bos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
CASES = [
    {"window_length": 12, "num_sink_tokens": 2, "rows": 1, "rope_theta": 10000.0},
    {"window_length": 16, "num_sink_tokens": 4, "rows": 3, "rope_theta": 100.0},
    {"window_length": 9, "num_sink_tokens": 1, "rows": 2, "rope_theta": 10000.0},
]
STEPS = 30


@torch.no_grad()
def run(case: dict) -> dict:
    config = transformers.LlamaConfig(**CONFIG, rope_theta=case["rope_theta"])
    model = filled.fill(transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager"))
    window = case["window_length"]
    ids = torch.randint(3, 64, (case["rows"], window), generator=torch.Generator().manual_seed(1))
    cache = transformers.SinkCache(window, case["num_sink_tokens"])
    tokens, last, logits = ids, ids, []
    for _ in range(STEPS):
        new = last.shape[1]
        positions = torch.arange(window - new, window)
        output = model(last, past_key_values=cache, position_ids=positions[None], cache_position=positions, use_cache=True)
        logits.append(output.logits[:, -1])
        last = logits[-1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, last], dim=1)
    return {**case, "prompt": ids.tolist(), "tokens": tokens.tolist(), "logits": [row.tolist() for row in logits[::6]]}


if __name__ == "__main__":
    target = Path(__file__).with_name("sink_cache.json")
    target.write_text(json.dumps({"config": CONFIG, "cases": [run(case) for case in CASES]}) + "\n")
