"""What happened to every tensor of a load, with the layers folded into one line."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..core.errors import LoadError

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def fold(names: Iterable[str]) -> list[str]:
    """Names with equal runs of layer numbers in one: `h.0.w`, `h.1.w`, `h.2.w` become `h.{0..2}.w`."""
    groups: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(tuple(_NUMBER.split(name)), []).append(tuple(map(int, _NUMBER.findall(name))))
    return [line for parts, numbers in groups.items() for line in _fold_numbers(parts, numbers)]


def _fold_numbers(parts: tuple[str, ...], numbers: list[tuple[int, ...]]) -> list[str]:
    """Names made of `parts` with a number between each two; one line for a full grid of numbers."""
    columns = [sorted(set(column)) for column in zip(*numbers, strict=True)]
    if math.prod(map(len, columns)) == len(numbers):
        between = [*map(_ranges, columns), ""]
        return ["".join(part + number for part, number in zip(parts, between, strict=True))]
    lines = []
    for first in columns[0]:  # no full grid: fold what is below each first number
        rest = [number[1:] for number in numbers if number[0] == first]
        lines += _fold_numbers((f"{parts[0]}{first}{parts[1]}", *parts[2:]), rest)
    return lines


def _ranges(values: list[int]) -> str:
    if len(values) == 1:
        return str(values[0])
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return "{" + ",".join(str(a) if a == b else f"{a}..{b}" for a, b in runs) + "}"


@dataclass
class LoadReport:
    """Where each parameter and buffer came from, and what did not fit.

    Attributes:
        checkpoint: the files that were read.
        sources: name in the model -> `file:key`, `tied to NAME`, `initialised`, or `computed` (a buffer made by the module).
        missing: names of the model that the file lacks and nobody allowed.
        unexpected: keys of the file that the model has no place for and nobody allowed.
        mismatched: (name, shape in the file, shape in the model) of tensors that do not fit and nobody allowed.
        initialised: names that the file lacks (or whose shape there was allowed to differ) and that got fresh values.
        unused: keys of the file that were left aside, allowed (the head of another task, names a class ignores).
        tied: name -> the name whose tensor it shares. untied: names whose tensor the config would have shared, while the
            file holds another.
        converted: name -> (dtype in the file, dtype in the model).
        conflicts: sentences about ties whose two sides differ in the file.
        model, saved_as: the class that is loaded, and the one that the checkpoint says it holds.
        offload_index: name -> where a tensor placed on disk lies (for `placement.dispatch`).
    """

    checkpoint: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    initialised: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    reshaped: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    tied: dict[str, str] = field(default_factory=dict)
    converted: dict[str, tuple[torch.dtype, torch.dtype]] = field(default_factory=dict)
    untied: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    offload_index: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: str = ""
    saved_as: str = ""

    @property
    def ok(self) -> bool:
        """Whether every tensor of the model is accounted for. Left over ones of the file are told, and do not matter alone."""
        return not (self.missing or self.mismatched or self.conflicts)

    def raise_if_bad(self, strict: bool = False) -> None:
        """Raise `LoadError` naming every missing, unexpected and misfitting tensor, layers folded; `strict`: also where only
        unexpected ones would be named."""
        if not self.ok or (strict and self.unexpected):
            saved = f", which says it holds a {self.saved_as}," if self.saved_as else ""
            what = f"the weights of {self.checkpoint}{saved} do not fit the {self.model or 'model'}"
            raise LoadError("\n".join([f"{what}:", *self._problems(), *self._remedies()]))

    def as_info(self) -> dict[str, Any]:
        """The table of `output_loading_info=True`: missing (here: initialised), unexpected, mismatched keys, error messages."""
        return {
            "missing_keys": set(self.missing) | set(self.initialised) - {name for name, *_ in self.reshaped},
            "unexpected_keys": set(self.unexpected) | set(self.unused),
            "mismatched_keys": {(name, *map(torch.Size, shapes)) for name, *shapes in (*self.mismatched, *self.reshaped)},
            "error_msgs": list(self.conflicts),
        }

    def _problems(self) -> list[str]:
        lines = [f"  missing     {name}" for name in fold(self.missing)]
        lines += [f"  unexpected  {name}" for name in fold(self.unexpected)]
        lines += [f"  mismatched  {line}" for line in _shapes(self.mismatched)]
        return lines + [f"  conflict    {line}" for line in self.conflicts]

    def _remedies(self) -> Iterator[str]:
        if self.missing:
            yield "from_pretrained(..., allow_missing=True) starts the missing ones afresh, to be trained"
        if self.mismatched:
            yield "from_pretrained(..., ignore_mismatched_sizes=True) starts the mismatched ones afresh, to be trained"

    def __str__(self) -> str:
        """A table: one line for each group of tensors and its source."""
        files = {source.partition(":")[0] for source in self.sources.values() if ":" in source}
        read_from = next(iter(files)) if len(files) == 1 else f"{len(files)} files"
        groups: dict[str, list[str]] = {}
        for name, source in self.sources.items():
            _, colon, key = source.partition(":")
            label = source if not colon else read_from if key == name else f"{read_from} as {_NUMBER.sub('{}', key)}"
            groups.setdefault(label, []).append(name)
        lines = [f"{self.checkpoint}: {len(self.sources)} tensors"]
        lines += [f"  {label:<24}  {name}" for label, names in groups.items() for name in fold(names)]
        lines += [f"  unused      {name}" for name in fold(self.unused)]
        casts: Mapping[str, list[str]] = _group((f"{a} -> {b}", name) for name, (a, b) in self.converted.items())
        lines += [f"  converted   {len(names)} tensors {cast}".replace("torch.", "") for cast, names in casts.items()]
        lines += [f"  reshaped    {line}" for line in _shapes(self.reshaped)]
        return "\n".join(lines + self._problems())


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _shapes(entries: Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> list[str]:
    """`name: file (2, 3), model (4, 3)`, names with equal shapes folded."""
    groups = _group(
        (f"file {tuple(file_shape)}, model {tuple(model_shape)}", name) for name, file_shape, model_shape in entries
    )
    return [f"{name}: {shapes}" for shapes, names in groups.items() for name in fold(names)]
