"""A forward and greedy decoding of each kind of decoder at about 100 M parameters, batch 1, random weights, fp32."""

import statistics
from importlib import import_module
from typing import Any

from measuring import Options, Row, columns, compare, in_turn, seconds

COMMON: dict[str, Any] = {"vocab_size": 16384, "bos_token_id": 1, "eos_token_id": None, "pad_token_id": 0}
WIDE: dict[str, Any] = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 4}
MIXTURE: dict[str, Any] = {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "dense, Llama": ("Llama", {**COMMON, **WIDE, "intermediate_size": 2048}),
    "dense, GPT-2": ("GPT2", {**COMMON, "n_embd": 768, "n_layer": 12, "n_head": 12}),
    "dense, GPT-NeoX": ("GPTNeoX", {**COMMON, **WIDE, "intermediate_size": 3072}),
    "dense, Gemma 2": ("Gemma2", {**COMMON, **WIDE, "intermediate_size": 2048, "head_dim": 64}),
    "2 of 8 experts, Mixtral": ("Mixtral", {**COMMON, **MIXTURE, "intermediate_size": 768}),
    "2 of 8 experts, Qwen3": (
        "Qwen3Moe",
        {**COMMON, **MIXTURE, "head_dim": 64, "moe_intermediate_size": 768, "num_experts": 8, "num_experts_per_tok": 2},
    ),
    "state space, Mamba": ("Mamba", {**COMMON, "hidden_size": 768, "num_hidden_layers": 20}),
}
TARGETS = {"dense": 1.1, "2 of 8 experts": 1.5, "state space": 1.0}
"""How many times as fast as the reference each kind should decode; nothing should be slower than it."""
PROMPT, TOKENS = 128, 32
LIBRARIES = ("bestiary", "transformers")


def speed(library: str, kind: str, tokens: int, times: int) -> dict[str, float]:
    """Seconds of a forward over a prompt, and tokens per second after it; the medians of `times` calls."""
    import torch

    module = import_module(library)
    family, shape = SHAPES[kind]
    torch.manual_seed(0)
    config = getattr(module, f"{family}Config")(**shape)
    name = "GPT2LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM"
    model = getattr(module, name)(config).eval()
    ids = torch.randint(3, 500, (1, PROMPT))
    options = {"attention_mask": torch.ones_like(ids), "do_sample": False}

    def generate(count: int) -> float:
        return seconds(lambda: model.generate(ids, max_new_tokens=count, min_new_tokens=count, **options), times)

    with torch.no_grad():
        model(ids)  # the first call warms up
        forward = seconds(lambda: model(ids), times)
        generate(2)
        decoding = generate(tokens) - generate(1)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"forward": forward, "rate": (tokens - 1) / decoding, "parameters": parameters}


def measure(options: Options = Options()) -> list[Row]:
    tokens, times = (3, 1) if options.quick else (TOKENS, 3)
    rows = []
    for kind in SHAPES:
        shared = {"kind": kind, "tokens": tokens, "times": times}
        ours, peer = in_turn(min(options.turns, 3), *((speed, {"library": name, **shared}) for name in LIBRARIES))
        what = f"{kind}, {statistics.median(columns(ours, 'parameters')) / 1e6:.0f} M"
        forwards = (columns(ours, "forward"), columns(peer, "forward"))
        rows.append(compare(f"{what}: forward of {PROMPT} tokens", *forwards, "s", at_most=1.0))
        rates = (columns(ours, "rate"), columns(peer, "rate"))
        rows.append(compare(f"{what}: {tokens} tokens", *rates, "tokens/s", at_least=TARGETS[kind.partition(",")[0]]))
    return rows
