"""An accelerator: greedy decoding and a forward of Llama shapes in bfloat16, beside the reference and the memory's limit.

Where torch sees no accelerator there is nothing to measure. A token of one row reads every weight once, so the time in which
a copy on the device moves as many bytes is the least that a step can take.
"""

import random
import statistics
import time
from importlib import import_module
from typing import Any

from measuring import LLAMA_135M, Options, Row, columns, compare, in_turn, new_process

LARGE: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip
MIXTURE: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 3584, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip
SHAPES = {"135 M": ("Llama", LLAMA_135M), "6 B": ("Llama", LARGE), "3 B of 8 experts": ("Mixtral", MIXTURE)}
CASES = [
    ("135 M", 1, ["dynamic"]),
    ("6 B", 1, ["dynamic", "static"]),
    ("6 B", 32, ["dynamic"]),
    ("3 B of 8 experts", 1, ["dynamic"]),
]
"""Shapes, rows, and the caches to decode with; with a static one, both libraries compile their steps."""
PROMPT = 128
LIBRARIES = ("bestiary", "transformers")


def device() -> str:
    """The accelerator of torch, or the empty text."""
    import torch

    return str(torch.accelerator.current_accelerator()) if torch.accelerator.is_available() else ""


def model_of(library: str, shape: str, where: str) -> Any:
    """A model with random weights in bfloat16 on the accelerator."""
    import torch

    module = import_module(library)
    family, values = SHAPES[shape]
    config = getattr(module, f"{family}Config")(**values, bos_token_id=1, eos_token_id=None, pad_token_id=0)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(where):
        model = getattr(module, f"{family}ForCausalLM")(config).eval()
    torch.set_default_dtype(torch.float32)
    return model.to(where)


def timed(call: Any, times: int) -> float:
    """The median seconds of a call, the accelerator's work included."""
    import torch

    taken = []
    for _ in range(times):
        torch.accelerator.synchronize()
        start = time.perf_counter()
        call()
        torch.accelerator.synchronize()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def speed(library: str, shape: str, rows: int, tokens: int, caches: list[str], where: str) -> dict[str, float]:
    """Seconds of a forward over a prompt; for each cache, tokens per second of `rows` rows behind it; bytes of the weights."""
    import torch

    model = model_of(library, shape, where)
    ids = torch.randint(3, 500, (rows, PROMPT), device=where)
    figures: dict[str, float] = {"weights": sum(part.numel() * part.element_size() for part in model.parameters())}
    with torch.no_grad():
        model(ids)  # the first call warms up
        figures["forward"] = timed(lambda: model(ids), 5)
    for cache in caches:
        options = {"cache_implementation": "static"} if cache == "static" else {}

        def generate(options: dict[str, Any] = options) -> None:
            model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens, **options)

        for _ in range(2 if options else 1):  # compiles what is compiled; the second call records it
            generate()
        figures[cache] = rows * tokens / timed(generate, 3)
    return figures


def bandwidth(where: str) -> float:
    """Bytes per second that a copy on the device reads."""
    import torch

    source = torch.empty(1 << 31, dtype=torch.uint8, device=where)
    copy = torch.empty_like(source)
    copy.copy_(source)
    return 2 * source.numel() / timed(lambda: copy.copy_(source), 10)


def crowd(library: str, shape: str, requests: int, where: str) -> float:
    """New tokens per second of many requests of mixed length, in continuous batches."""
    draw = random.Random(0)
    model = model_of(library, shape, where)
    prompts = [[draw.randrange(3, 500) for _ in range(draw.randrange(8, 256))] for _ in range(requests)]
    tokens = 128
    if library == "bestiary":
        settings: dict[str, Any] = {"max_new_tokens": tokens}
    else:
        from transformers import GenerationConfig

        settings = {
            "generation_config": GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
        }
        settings["progress_bar"] = False
    model.generate_batch(prompts[:2], **settings)
    taken = timed(lambda: model.generate_batch(prompts, **settings), 1)
    return requests * tokens / taken


def measure(options: Options = Options()) -> list[Row]:
    where = new_process(device)
    if not where:
        return []
    turns = min(options.turns, 3)
    rows = []
    for shape, batch, caches in CASES[:1] if options.quick else CASES:
        shared = {"shape": shape, "rows": batch, "tokens": 16 if options.quick else 128, "caches": caches, "where": where}
        ours, peer = in_turn(turns, *((speed, {"library": name, **shared}) for name in LIBRARIES))
        what = f"{shape}, bfloat16, batch {batch}"
        forwards = (columns(ours, "forward"), columns(peer, "forward"))
        rows.append(compare(f"{what}: forward of {PROMPT} tokens", *forwards, "s", at_most=1.0))
        for cache in caches:
            rates = (columns(ours, cache), columns(peer, cache))
            rows.append(compare(f"{what}, {cache} cache", *rates, "tokens/s", at_least=1.0))
            if batch == 1 and shape == "6 B":
                limit = new_process(bandwidth, where=where) / ours[0]["weights"]
                rows.append(compare(f"{what}, {cache} cache", rates[0], limit, "tokens/s", beside="memory's limit"))
    if not options.quick:
        shared = {"shape": "6 B", "requests": 128, "where": where}
        batched = in_turn(1, *((crowd, {"library": name, **shared}) for name in LIBRARIES))
        rows.append(compare("6 B, 128 requests of mixed length", *batched, "tokens/s", at_least=1.0))
    return rows
