"""What a benchmark varies: every combination of the values that were given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from ..core.dtypes import floating_dtype
from ..core.errors import ArgumentError, did_you_mean
from ..modeling.opening import OpenOptions

# Name -> keyword of `from_pretrained`.
QUANTIZATIONS: dict[str, dict[str, Any]] = {"none": {}, "8bit": {"load_in_8bit": True}, "4bit": {"load_in_4bit": True}}
BITS = {"none": None, "8bit": 8, "4bit": 4}


@dataclass(frozen=True)
class Combination:
    """One setting.

    Fields:
        dtype: of the weights. quantization: a name of `QUANTIZATIONS`. attention: the kernel; "default" is the model's own.
        batch, length: rows, and tokens of each. stored: the method that the checkpoint is quantized by; "" where it is not.
    """

    dtype: str
    quantization: str
    attention: str
    batch: int
    length: int
    stored: str = ""

    @property
    def few_bits(self) -> str:
        """What the weights are quantized by: as they are opened, else as they are stored, else "none"."""
        return self.quantization if self.quantization != "none" else self.stored or "none"

    @property
    def name(self) -> str:
        """All of it in a few words."""
        kind = self.dtype if self.few_bits == "none" else self.few_bits
        attention = "" if self.attention == "default" else f", {self.attention}"
        return f"{kind}{attention}, {self.batch} x {self.length}"

    def opening(self) -> dict[str, Any]:
        """Keywords of `from_pretrained`."""
        chosen = {} if self.attention == "default" else {"attn_implementation": self.attention}
        return {"dtype": self.dtype, **chosen, **QUANTIZATIONS[self.quantization]}


@dataclass(frozen=True)
class Job:
    """What a process is told to measure.

    Fields:
        model: a folder, a name on the hub, or a config. random: the weights are new ones. class_name: another class than the
            one that was saved. new_tokens: to generate. times: how often each call is timed, after one that is not.
        trains: time a training step, instead of calls. forwards: time forwards of models that generate too.
    """

    model: str
    combination: Combination
    random: bool = False
    class_name: str | None = None
    new_tokens: int = 32
    times: int = 3
    threads: int | None = None
    device: str = "cpu"
    trains: bool = False
    forwards: bool = False
    hub: dict[str, Any] = field(default_factory=dict)


def combinations(
    dtypes: Sequence[str],
    quantizations: Sequence[str],
    attentions: Sequence[str],
    batches: Sequence[int],
    lengths: Sequence[int],
) -> list[Combination]:
    """All of them, in order; the first is what the others are compared with.

    Raises:
        ArgumentError: a quantization that is not known or not available here. InputError: no floating dtype.
    """
    for each in dtypes:
        floating_dtype(each)
    for each in quantizations:
        if each not in QUANTIZATIONS:
            raise ArgumentError(
                f"there is no quantization {each!r}.{did_you_mean(each, QUANTIZATIONS)} Choose of {', '.join(QUANTIZATIONS)}"
            )
        try:
            OpenOptions.split(dict(QUANTIZATIONS[each]))
        except ArgumentError as error:
            raise ArgumentError(f"quantization {each} is not available: {error}") from error
    return [Combination(*each) for each in product(dtypes, quantizations, attentions, batches, lengths)]
