"""Tokens per second of greedy decoding: Llama shapes with random weights, in fp32, each side with the best of its settings."""

import statistics
import time
from importlib import import_module
from typing import Any

from measuring import LLAMA_135M, Options, Row, compare, in_turn

LARGE: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
    "num_key_value_heads": 4, "max_position_embeddings": 2048, "tie_word_embeddings": False,
}  # fmt: skip
TINY = {**LLAMA_135M, "vocab_size": 512, "hidden_size": 72, "intermediate_size": 96, "num_hidden_layers": 2}
SHAPES = {"135 M": LLAMA_135M, "1.1 B": LARGE, "tiny": TINY}
PROMPT = 32


def speed(library: str, shape: str, rows: int, tokens: int, settings: str) -> float:
    """Tokens per second of `rows` rows; the best of three calls. settings: "dynamic", "static" or "compiled"."""
    import torch

    module = import_module(library)
    torch.manual_seed(0)
    config = module.LlamaConfig(**SHAPES[shape], bos_token_id=1, eos_token_id=None, pad_token_id=0)
    model = module.LlamaForCausalLM(config).eval()
    ids = torch.randint(3, 500, (rows, PROMPT))
    options: dict[str, Any] = {"max_new_tokens": tokens, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    if settings != "dynamic":
        options["cache_implementation"] = "static"
    if settings == "compiled" and library == "bestiary":
        options["compile_config"] = {"mode": "default"}
    elif settings == "compiled":
        model.forward = torch.compile(model.forward)
    taken = []
    for _ in range(4):
        start = time.perf_counter()
        model.generate(ids, **options)
        taken.append(time.perf_counter() - start)
    return rows * tokens / min(taken[1:])


def measure(options: Options = Options()) -> list[Row]:
    cases = [("135 M", rows, 64) for rows in (1, 8, 32)] + [("1.1 B", rows, 16) for rows in (1, 8, 32)]
    kinds = ["dynamic", "static", "compiled"]
    if options.quick:
        cases, kinds = [("tiny", 2, 4)], ["dynamic", "static"]
    found = []
    for shape, rows, tokens in cases:
        # Compiling takes minutes: only where the target is.
        tried = [kind for kind in kinds if kind != "compiled" or (shape, rows) == ("135 M", 1)]
        sides = [
            (speed, {"library": library, "shape": shape, "rows": rows, "tokens": tokens, "settings": kind})
            for library in ("bestiary", "transformers")
            for kind in tried
        ]
        rates = [statistics.median(side) for side in in_turn(min(options.turns, 3), *sides)]
        best = [max(zip(part, tried, strict=True)) for part in (rates[: len(tried)], rates[len(tried) :])]
        what = f"greedy, {shape}, batch {rows}, {tokens} tokens ({best[0][1]})"
        bound = 1.3 if (shape, rows) == ("135 M", 1) else None
        found.append(compare(what, best[0][0], best[1][0], "tokens/s", beside=f"reference ({best[1][1]})", at_least=bound))
        if "compiled" in tried:
            plain = [max(part[:2]) for part in (rates[: len(tried)], rates[len(tried) :])]
            found.append(compare(f"{shape}, batch {rows}, nothing compiled", *plain, "tokens/s"))
    return found
