"""In which type each tensor of a GGUF file is written, by the name of the whole file's quantization."""

import re
from dataclasses import dataclass

from ...core.errors import ArgumentError, did_you_mean
from ...core.gguf import Kind, kind_named
from ...kernels.gguf.blocks import check_written

# What is never quantized: it is small, and errors in it reach everything behind.
_KEPT = re.compile(
    r"(_norm(_2)?|ffn_gate_inp|ffn_gate_inp_shexp|position_embd|token_types|conv1d|shortconv\.conv|rel_b)\.weight$"
)
# Where rows are no whole number of blocks of the type.
_INSTEAD = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "Q4_0": "F16", "Q4_1": "F16", "Q5_0": "F16", "Q5_1": "F16"}
_INSTEAD["Q8_0"] = "F16"


@dataclass(frozen=True)
class Mix:
    """A quantization of a whole file.

    usual: the type of most matrices. number: what `general.file_type` says. better: the type of the values and of the second
    product of the feed-forward in some of the layers. all_better: in the first layers alone, or in those that need it most.
    """

    usual: str
    number: int
    better: str | None = None
    first_alone: bool = False


MIXES = {
    "F32": Mix("F32", 0),
    "F16": Mix("F16", 1),
    "BF16": Mix("BF16", 32),
    "Q4_0": Mix("Q4_0", 2),
    "Q4_1": Mix("Q4_1", 3),
    "Q5_0": Mix("Q5_0", 8),
    "Q5_1": Mix("Q5_1", 9),
    "Q8_0": Mix("Q8_0", 7),
    "Q4_K_S": Mix("Q4_K", 14, "Q5_K", first_alone=True),
    "Q4_K_M": Mix("Q4_K", 15, "Q6_K"),
    "Q5_K_S": Mix("Q5_K", 16),
    "Q5_K_M": Mix("Q5_K", 17, "Q6_K"),
    "Q6_K": Mix("Q6_K", 18),
}
_SHORT = {"Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}


def mix_named(name: str) -> Mix:
    """The quantization of this name, as llama.cpp has it.

    Raises:
        ArgumentError: there is none; names those that there are.
    """
    known = [*MIXES, *_SHORT]
    upper = name.upper() if isinstance(name, str) else name
    if upper not in known:
        raise ArgumentError(
            f"quantization is {name!r:.60}.{did_you_mean(upper, known)} Files are written as {', '.join(known)}"
        )
    return MIXES[_SHORT.get(upper, upper)]


def kind_of(name: str, shape: tuple[int, ...], mix: Mix, layers: int, tied: bool) -> Kind:
    """The type of one tensor.

    Args:
        layers: how many the model has. tied: whether the token embeddings give the logits too.
    """
    if len(shape) < 2 or mix.usual == "F32" or _KEPT.search(name) or not name.endswith(".weight"):
        return kind_named("F32")
    chosen = mix.usual
    if mix.usual in ("F16", "BF16"):
        return kind_named(chosen)
    if (name == "output.weight" or (tied and name == "token_embd.weight")) and chosen != "Q8_0":
        chosen = "Q6_K"
    elif mix.better is not None and re.search(r"\.(attn_v|ffn_down)\.", name):
        chosen = mix.better if _needs_more(int(re.findall(r"\d+", name)[0]), layers, mix.first_alone) else chosen
    while shape[-1] % kind_named(chosen).block:
        chosen = _INSTEAD[chosen]
    return check_written(chosen)


def _needs_more(layer: int, layers: int, first_alone: bool) -> bool:
    """Whether a layer is among the first or last eighth, or every third of those between, to which errors matter most."""
    eighth = layers // 8
    if first_alone:
        return layer < max(eighth, 1)
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
