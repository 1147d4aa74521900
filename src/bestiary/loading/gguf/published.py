"""A GGUF file as a published checkpoint: the tensors under the published names, each made of the file's when it is read."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from ...core.gguf import Kind
from ...kernels.gguf.blocks import PLAIN
from ..format import TensorInfo
from ..rules import Recipe, on_save
from .architectures import ARCHITECTURES
from .changes import Heads, changes, moves_rows
from .file import GgufFile
from .names import rules

# What belongs to the positions, not to the weights: the config says it.
_OF_POSITIONS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


class PublishedGguf:
    """A reader of the tensors of a GGUF file; of an architecture that is not known here, under the file's own names.

    Raises:
        CorruptFile: as `core.gguf.read_header`, or the tensors are no parts of such a model.
    """

    def __init__(self, path: Path) -> None:
        self.file = GgufFile(path)
        self.metadata: Mapping[str, str] = {"format": "gguf"}
        names = [name for name in self.file.infos if name.rpartition("blk.")[2] not in _OF_POSITIONS]
        self.recipes = self._recipes([name for name in names if name not in _OF_POSITIONS])
        self.infos = {name: self._info(recipe) for name, recipe in self.recipes.items()}
        self._users: dict[str, int] = {}
        for recipe in self.recipes.values():
            for source in recipe.sources:
                self._users[source] = self._users.get(source, 0) + 1
        self._kept: dict[str, torch.Tensor] = {}  # the last tensor that several are made of

    def _recipes(self, names: list[str]) -> dict[str, Recipe]:
        architecture = ARCHITECTURES.get(self.file.header.architecture)
        heads = self.heads = Heads.of(self.file.header.architecture, self.file.header.metadata)
        rows = {name: self.file.infos[name].shape[0] for name in names if self.file.infos[name].shape}
        return on_save([] if architecture is None else rules(architecture, heads, names), names, rows)

    def _info(self, recipe: Recipe) -> TensorInfo:
        infos = self.file.infos
        shape = recipe.build(lambda key: torch.empty(infos[key].shape, dtype=infos[key].dtype, device="meta"))
        return TensorInfo(shape.dtype, tuple(shape.shape), self.file.path, shape.nbytes)

    def _read(self, source: str) -> torch.Tensor:
        if self._users[source] == 1:
            return self.file.tensor(source)
        if source not in self._kept:
            self._kept = {source: self.file.tensor(source)}
        return self._kept[source]

    def tensor(self, key: str) -> torch.Tensor:
        return self.recipes[key].build(self._read)

    def blocks(self, key: str) -> tuple[torch.Tensor, Kind] | None:
        """The bytes of a matrix in blocks or 16 bits, (rows, bytes of a row), and their type; None where numbers are needed.

        Rows are outputs, also of families whose published files turn them round.
        """
        recipe = self.recipes[key]
        source = recipe.sources[0]
        kind, shape, *_ = self.file.header.tensors[source]
        if (kind.name in PLAIN and kind.nbytes != 2) or len(shape) != 2 or len(recipe.sources) > 1 or self._users[source] > 1:
            return None
        architecture = ARCHITECTURES.get(self.file.header.architecture)
        template = re.sub(r"\.\d+\.", ".{}.", source).removesuffix(".weight")
        change = None if architecture is None else architecture.changes.get(template)
        raw = self.file.raw(source)
        if change is None or change == "transposed":
            return raw, kind
        if not moves_rows(change):
            return None
        moved = changes(change, self.heads)[0](raw).contiguous()
        self.file.drop(source)
        return moved, kind

    def drop(self, key: str) -> None:
        for source in self.recipes[key].sources:
            self.file.drop(source)
