"""Perplexity of the embedded model in few bits beside its own in fp32, on source files of Python's standard library."""

import importlib
import inspect
import math
from typing import Any

from measuring import Options, Row, compare, new_process

MODULES = ("heapq", "bisect", "textwrap", "shlex", "fractions", "statistics", "queue", "sched", "colorsys", "graphlib")
WINDOW = 256  # tokens that are read at a time
# How it is opened, and the most that its perplexity may be over that of fp32.
KINDS: dict[str, tuple[dict[str, Any], float]] = {
    "LLM.int8()": ({"load_in_8bit": True}, 1.005),
    "int8": ({"load_in_8bit": True, "llm_int8_threshold": 0.0}, 1.005),
    "int8, output head too": ({"load_in_8bit": True, "llm_int8_threshold": 0.0, "llm_int8_skip_modules": []}, 1.005),
    "nf4": ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, 1.05),
    "int4": ({"load_in_4bit": True, "bnb_4bit_quant_type": "int4"}, 1.05),
    "fp4": ({"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}, 1.05),
}


def perplexity(kind: str, windows: int) -> float:
    """e to the mean loss of each token but the first of windows of `WINDOW` tokens. kind: "fp32", or one of `KINDS`."""
    import torch

    import bestiary

    folder = bestiary.embedded_model_path()
    few = {} if kind == "fp32" else {"quantization_config": bestiary.BitsAndBytesConfig(**KINDS[kind][0])}
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder, dtype="float32", **few)
    tokenizer = bestiary.AutoTokenizer.from_pretrained(folder)
    text = "\n".join(inspect.getsource(importlib.import_module(name)) for name in MODULES)
    ids = tokenizer(text, return_tensors="pt", verbose=False)["input_ids"][0]
    rows = ids[: len(ids) // WINDOW * WINDOW].view(-1, WINDOW)[:windows]
    with torch.inference_mode():
        losses = [float(model(row[None], labels=row[None]).loss) for row in rows]
    return math.exp(sum(losses) / len(losses))


def measure(options: Options = Options()) -> list[Row]:
    windows = 2 if options.quick else 100
    exact = new_process(perplexity, kind="fp32", windows=windows)
    return [
        compare(
            f"perplexity of the embedded model, {kind}, {windows} x {WINDOW} tokens",
            new_process(perplexity, kind=kind, windows=windows),
            exact,
            "",
            beside="its fp32",
            at_most=bound,
        )
        for kind, (_, bound) in KINDS.items()
    ]
