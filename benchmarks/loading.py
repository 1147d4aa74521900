"""Opening a large checkpoint: time, memory, and work done for nothing. The weights are random; the shape is Llama's."""

import math
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from measuring import Options, Row, columns, compare, in_turn, new_process

SHAPE: dict[str, Any] = {"hidden_size": 2048, "intermediate_size": 5632, "num_attention_heads": 32, "num_key_value_heads": 4}
WORDS, LAYER = 32000, 44_044_288  # ids of the vocabulary; parameters of one layer
TINY: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}

FILLS = ("normal_", "uniform_", "random_", "bernoulli_", "zero_", "fill_", "randn", "rand", "ones", "zeros")


def make(folder: str, gigabytes: float) -> int:
    """Write a checkpoint of about so many bytes in bf16, at least a layer; returns the exact number."""
    import torch
    from safetensors.torch import save_file

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    rest = 2 * WORDS * SHAPE["hidden_size"]
    layers = max(1, round((gigabytes * 1e9 / 2 - rest) / LAYER))
    shapes = {"large": {**SHAPE, "num_hidden_layers": layers}, "tiny": {**TINY, "num_hidden_layers": 1}}
    # One block of noise serves all tensors: drawing a billion numbers would take longer than everything measured here.
    noise = (torch.randn(1 << 20) * 0.02).bfloat16()
    for name, shape in shapes.items():
        config = LlamaConfig(vocab_size=WORDS, dtype="bfloat16", architectures=["LlamaForCausalLM"], **shape)
        with torch.device("meta"):
            model = LlamaForCausalLM(config)
        tensors = {}
        for key, value in model.state_dict().items():
            copies = math.ceil(value.numel() / len(noise))
            tensors[key] = noise.repeat(copies)[: value.numel()].view(value.shape).clone()
        config.save_pretrained(Path(folder, name))
        save_file(tensors, Path(folder, name, "model.safetensors"), metadata={"format": "pt"})
    return Path(folder, "large", "model.safetensors").stat().st_size


def opener(library: str, folder: str) -> Any:
    """`from_pretrained` of a causal language model, with everything imported that it needs."""
    auto = import_module(library).AutoModelForCausalLM
    auto.from_pretrained(Path(folder, "tiny"))
    return auto.from_pretrained


def opened(library: str, folder: str) -> dict[str, float]:
    """Seconds until there is a model, and until it has answered for one token, which needs all weights."""
    import torch

    open_ = opener(library, folder)
    start = time.perf_counter()
    model = open_(Path(folder, "large"))
    ready = time.perf_counter()
    with torch.no_grad():
        model(input_ids=torch.tensor([[1]]))
    return {"open": ready - start, "answer": time.perf_counter() - start}


def peak(library: str, folder: str, dtype: str) -> dict[str, float]:
    """Bytes by which opening, and then reading every page of every weight, raises the peak of the process's memory."""
    import torch

    open_ = opener(library, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew at what is used now
    before = memory("VmRSS")
    model = open_(Path(folder, "large"), dtype=getattr(torch, dtype))
    for parameter in model.parameters():
        parameter.detach().reshape(-1).view(torch.uint8)[::4096].sum()
    return {
        "added": memory("VmHWM") - before,
        "weights": sum(parameter.nbytes for parameter in model.parameters()),
        "largest": max(parameter.nbytes for parameter in model.parameters()),
    }


def memory(name: str) -> int:
    """Bytes on the line `name` of the process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def fills(folder: str) -> int:
    """Operations that fill a tensor with drawn or constant numbers while the checkpoint is opened."""
    from torch.utils._python_dispatch import TorchDispatchMode

    found: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = func.name().removeprefix("aten::").split(".")[0]
            made = func(*args, **(kwargs or {}))
            # On the meta device there is nothing to fill.
            if name in FILLS and not getattr(made, "is_meta", False):
                found.append(name)
            return made

    open_ = opener("bestiary", folder)
    with Watch():
        open_(Path(folder, "large"))
    return len(found)


def measure(options: Options = Options()) -> list[Row]:
    gigabytes = 0.1 if options.quick else options.gigabytes
    with tempfile.TemporaryDirectory(prefix="bestiary-benchmark-") as folder:
        size = new_process(make, folder=folder, gigabytes=gigabytes)
        name = f"{size / 1e9:.1f} GB of bf16"
        turns = in_turn(
            options.turns,
            (opened, {"library": "bestiary", "folder": folder}),
            (opened, {"library": "transformers", "folder": folder}),
        )
        ours, peer = ({key: columns(results, key) for key in ("open", "answer")} for results in turns)
        same, theirs, wider = (
            new_process(peak, library=library, folder=folder, dtype=dtype)
            for library, dtype in (("bestiary", "bfloat16"), ("transformers", "bfloat16"), ("bestiary", "float32"))
        )
        drawn = new_process(fills, folder=folder)
    limit = 1.1 + wider["largest"] / wider["weights"]
    added = "peak memory added, every page touched"
    return [
        compare(f"open {name}", ours["open"], peer["open"], "s", at_most=1.0),
        compare(f"open {name} and answer for one token", ours["answer"], peer["answer"], "s", at_most=1.0),
        compare(f"{added}", same["added"], same["weights"], "B", beside="weights", at_most=1.05),
        compare(f"{added}", same["added"], theirs["added"], "B"),
        compare(f"{added}, opened in fp32", wider["added"], wider["weights"], "B", beside="weights", at_most=limit),
        Row("tensors initialised while opening", str(drawn), "", None, "0", drawn == 0),
    ]
