"""Models in 8, 4 and 16 bits on a CPU: tokens a second beside the runtimes that a user would take instead.

Peers that are not installed (xllamacpp, which is llama.cpp; ctranslate2; openvino) are left out.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from measuring import LLAMA_135M, Options, Row, columns, compare, in_turn

LLAMA_1B: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
    "num_key_value_heads": 4, "max_position_embeddings": 2048, "tie_word_embeddings": False,
}  # fmt: skip
TINY = {**LLAMA_135M, "vocab_size": 4096, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2}
SHAPES = {"1.1 B": LLAMA_1B, "135 M": LLAMA_135M, "tiny": TINY}
PROMPT, TOKENS, PREFILL = 16, 32, 512


def save(shape: str, folder: str) -> None:
    """Write a model of random weights in bf16, and the same as GGUF in 8 and 4 bits."""
    import torch

    import bestiary

    torch.manual_seed(0)
    config = bestiary.LlamaConfig(**SHAPES[shape], bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model = bestiary.LlamaForCausalLM(config).to(torch.bfloat16).eval()
    model.save_pretrained(folder)
    tokenizer = bestiary.AutoTokenizer.from_pretrained(bestiary.embedded_model_path())
    for kind in ("Q8_0", "Q4_0"):
        model.save_pretrained(f"{folder}/{kind}", format="gguf", quantization=kind, tokenizer=tokenizer)


def rates(prefill: Callable[[], Any], generate: Callable[[int], Any], times: int, tokens: int) -> dict[str, float]:
    """Tokens per second of reading `PREFILL` tokens and of each further one, the best of `times`."""
    generate(2)
    reading, whole, first = [], [], []
    for _ in range(times):
        for taken, call in ((reading, prefill), (whole, lambda: generate(tokens)), (first, lambda: generate(1))):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return {"prefill": PREFILL / min(reading), "decode": (tokens - 1) / (min(whole) - min(first))}


def of_library(library: str, folder: str, kind: str, times: int, tokens: int) -> dict[str, float]:
    """`rates` of bestiary or transformers. kind: "int8", "int4", "bf16" or "fp32"."""
    from importlib import import_module

    import torch

    module = import_module(library)
    options: dict[str, Any] = {"dtype": {"fp32": "float32"}.get(kind, "bfloat16")}
    if kind in ("int8", "int4"):
        few = {"load_in_8bit": True, "llm_int8_threshold": 0.0} if kind == "int8" else {"load_in_4bit": True}
        if kind == "int4":
            few["bnb_4bit_quant_type"] = "int4"
        options["quantization_config"] = module.BitsAndBytesConfig(**few, llm_int8_skip_modules=[])
    model = module.LlamaForCausalLM.from_pretrained(folder, **options)
    ids = torch.randint(3, 500, (1, PREFILL))
    settings = {"do_sample": False, "attention_mask": torch.ones_like(ids[:, :PROMPT]), "eos_token_id": None}

    def generate(count: int) -> Any:
        return model.generate(ids[:, :PROMPT], max_new_tokens=count, min_new_tokens=count, **settings)

    with torch.inference_mode():
        return rates(lambda: model(ids, logits_to_keep=1), generate, times, tokens)


def of_llama_cpp(folder: str, kind: str, times: int, tokens: int) -> dict[str, float]:
    """Those of llama.cpp, by its own clock. kind: the type of its blocks."""
    import os

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = f"{folder}/{kind}/model.gguf"
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 1024, 1, True, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = len(os.sched_getaffinity(0))
    server = xllamacpp.Server(params)
    found: dict[str, list[float]] = {"prefill": [], "decode": []}
    for _ in range(times):
        asked = {"prompt": list(range(3, 3 + PREFILL)), "max_tokens": tokens, "temperature": 0.0, "ignore_eos": True}
        timings = server.handle_completions({**asked, "cache_prompt": False, "timings_per_token": True})["timings"]
        found["prefill"].append(timings["prompt_per_second"])
        found["decode"].append(timings["predicted_per_second"])
    return {name: max(values) for name, values in found.items()}


def measure(options: Options = Options()) -> list[Row]:
    shapes = ["tiny"] if options.quick else ["1.1 B", "135 M"]
    times, tokens = (1, 3) if options.quick else (3, TOKENS)
    rows: list[Row] = []
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder:
            save(shape, folder)
            rows += of_shape(shape, folder, options.turns if options.quick else min(options.turns, 3), times, tokens)
    return rows


def of_shape(shape: str, folder: str, turns: int, times: int, tokens: int) -> list[Row]:
    """The rows of one shape."""
    shared = {"folder": folder, "times": times, "tokens": tokens}
    sides: dict[str, Any] = {
        "int8": (of_library, {"library": "bestiary", "kind": "int8", **shared}),
        "int4": (of_library, {"library": "bestiary", "kind": "int4", **shared}),
        "bf16": (of_library, {"library": "bestiary", "kind": "bf16", **shared}),
        "fp32": (of_library, {"library": "bestiary", "kind": "fp32", **shared}),
        "reference bf16": (of_library, {"library": "transformers", "kind": "bf16", **shared}),
        "reference fp32": (of_library, {"library": "transformers", "kind": "fp32", **shared}),
    }
    if find_spec("xllamacpp") is not None:
        sides["llama.cpp Q8_0"] = (of_llama_cpp, {"kind": "Q8_0", **shared})
        sides["llama.cpp Q4_0"] = (of_llama_cpp, {"kind": "Q4_0", **shared})
    results = dict(zip(sides, in_turn(turns, *sides.values()), strict=True))
    large = shape == "1.1 B"
    pairs = [
        ("decode", "int8", "llama.cpp Q8_0", 2.0 if large else 1.2),
        ("decode", "int4", "llama.cpp Q4_0", 1.2),
        ("prefill", "int8", "llama.cpp Q8_0", 4.0),
        ("prefill", "int8", "reference fp32", 2.5),
        ("decode", "bf16", "reference bf16", 4.0),
        ("decode", "bf16", "fp32", 1.0),
        ("decode", "fp32", "reference fp32", None),
    ]
    return [
        compare(
            f"{what} of {PREFILL if what == 'prefill' else tokens} tokens, {shape}, {ours}",
            statistics.median(columns(results[ours], what)),
            statistics.median(columns(results[peer], what)),
            "tokens/s",
            beside=peer,
            at_least=bound if large or "llama" in peer else None,
        )
        for what, ours, peer, bound in pairs
        if peer in results
    ]
