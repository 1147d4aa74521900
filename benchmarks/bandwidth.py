"""Bytes of weights a second that decoding reads, beside what plain copies and plain reads of this machine reach."""

import time
from typing import Any

from few_bits import SHAPES, TOKENS
from measuring import Options, Row, columns, compare, in_turn


def of_memory(gigabytes: float, times: int) -> dict[str, float]:
    """Bytes a second of a copy (read and written bytes both count) and of reading alone (a sum), each the best of `times`."""
    import torch

    source = torch.ones(int(gigabytes * 1e9 / 4))
    target = torch.empty_like(source).copy_(source)
    found = {"copy": 0.0, "read": 0.0}
    for _ in range(times):
        for name, call, factor in (("copy", lambda: target.copy_(source), 2), ("read", source.sum, 1)):
            start = time.perf_counter()
            call()
            found[name] = max(found[name], factor * source.nbytes / (time.perf_counter() - start))
    return found


def of_decoding(shape: str, kind: str, times: int, tokens: int) -> dict[str, float]:
    """Bytes of weights a second of greedy decoding at batch 1, the best of `times`. kind: "float32" or "bfloat16"."""
    import torch

    import bestiary

    torch.manual_seed(0)
    config = bestiary.LlamaConfig(**SHAPES[shape], bos_token_id=1, eos_token_id=None, pad_token_id=0)
    model: Any = bestiary.LlamaForCausalLM(config).to(getattr(torch, kind)).eval()
    ids = torch.randint(3, 500, (1, 16))
    settings = {"do_sample": False, "attention_mask": torch.ones_like(ids)}

    def taken(count: int) -> float:
        start = time.perf_counter()
        model.generate(ids, max_new_tokens=count, **settings)
        return time.perf_counter() - start

    taken(2)
    step = min(taken(tokens) - taken(1) for _ in range(times)) / (tokens - 1)
    read = sum(weight.nbytes for name, weight in model.named_parameters() if config.tie_word_embeddings or "embed" not in name)
    return {"bytes": read / step}


def measure(options: Options = Options()) -> list[Row]:
    shapes = ["tiny"] if options.quick else ["135 M", "1.1 B"]
    times, tokens = (1, 3) if options.quick else (3, TOKENS)
    kinds = [(shape, kind) for shape in shapes for kind in ("float32", "bfloat16")]
    calls: list[Any] = [(of_memory, {"gigabytes": 0.01 if options.quick else 1.0, "times": 2 + times})]
    calls += [(of_decoding, {"shape": shape, "kind": kind, "times": times, "tokens": tokens}) for shape, kind in kinds]
    memory, *decoding = in_turn(min(options.turns, 3), *calls)
    rows = []
    for (shape, kind), series in zip(kinds, decoding, strict=True):
        what = f"weights read while decoding, {shape}, {kind}"
        speeds = [value / 1e9 for value in columns(series, "bytes")]
        for name, label in (("copy", "a copy's bytes, read and written"), ("read", "a sum's")):
            bound = 0.85 if kind == "float32" and name == "copy" else None
            beside = [value / 1e9 for value in columns(memory, name)]
            rows.append(compare(what, speeds, beside, "GB/s", beside=label, at_least=bound))
    return rows
