"""GGUF opened packed: weights stay in the blocks of the file, and become numbers for the product with them.

The 4-bit types whose blocks are groups of a row (Q4_0, Q4_1, IQ4_NL) are laid out for the kernels of `kernels/int4.py`, with
the same bits; of all others a part of the rows at a time is dequantized.
"""

import ctypes
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, CorruptFile, InputError
from ...core.gguf import KINDS, NUMBERS, Kind
from ...kernels.int4 import Int4Weight
from ...loading.checkpoint import Checkpoint
from ...loading.gguf.blocks import dequantize
from ...loading.gguf.grid_blocks import IQ4_VALUES
from ...loading.gguf.published import PublishedGguf
from ...loading.rules import Rule, on_load
from ...nn.conv import Conv1D
from ...nn.embeddings import ScaledEmbedding
from ...nn.quantized import QuantizedEmbedding, QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer, replaceable

AT_ONCE = 2**20  # numbers of a weight that are dequantized at a time
# Type -> its sixteen values, times the scale of a block. Q4_1 adds the block's minimum.
_TABLES = {"Q4_0": range(-8, 8), "Q4_1": range(16), "IQ4_NL": IQ4_VALUES}


@dataclass(repr=False)
class GgufConfig(QuantizationConfigMixin):
    """Settings of a model that is opened from a GGUF file, with its weights left in their blocks.

    Args:
        gguf_file: the file, where `from_pretrained(..., gguf_file=)` does not name it.
        dequantize: make numbers of all weights at once instead, as without these settings.
        modules_to_not_convert: names of modules that are opened as numbers.
    """

    quant_method = QuantizationMethod.GGUF

    gguf_file: str | None = None
    dequantize: bool = False
    modules_to_not_convert: list[str] | None = None


class GgufLinear(QuantizedLinear):
    """W = the numbers in `blocks`, uint8 (N, bytes of a row), of the type `kind`; or in `packed`, with the same bits."""

    needs = ("weight", "weight_format")
    blocks: Tensor | None
    packed: Int4Weight | None = None
    kind: Kind

    def quantize(self, weight: Tensor) -> None:
        raise InputError("GGUF layers are filled from a file: model.save_pretrained(folder, format='gguf') writes one")

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        number = int(tensors["weight_format"])
        if number not in KINDS:
            raise CorruptFile(f"the type of blocks is {number}, which GGUF does not have")
        self.take(tensors["weight"], KINDS[number])

    def take(self, blocks: Tensor, kind: Kind, lay_out: bool = True) -> None:
        """Fill the layer from `blocks` (N, bytes of a row).

        Raises:
            CorruptFile: they are those of another shape.
        """
        _check(blocks, kind, self.out_features, self.in_features)
        self.kind = kind
        self.packed = _laid_out(blocks, kind) if lay_out and kind.name in _TABLES else None
        self._hold_packed() if self.packed is not None else self.hold(blocks=blocks)

    def _hold_packed(self) -> None:
        assert self.packed is not None
        self.hold(blocks=None, data=self.packed.data, scales=self.packed.laid_scales, minima=self.packed.laid_offsets)

    def stored(self) -> dict[str, Tensor]:
        blocks = self.blocks if self.packed is None else _from_layout(self.packed, self.kind)
        assert blocks is not None
        return {"weight": blocks, "weight_format": torch.tensor(NUMBERS[self.kind.name], dtype=torch.uint8)}

    def dequantize(self) -> Tensor:
        if self.packed is not None:
            return self.packed.dequantize()
        assert self.blocks is not None
        return dequantize(self.blocks, self.kind)

    def forward(self, x: Tensor) -> Tensor:
        if self.packed is not None:
            return self.packed.linear(x, self.bias)
        assert self.blocks is not None
        step = max(1, AT_ONCE // self.in_features)
        if step >= self.out_features:
            return nn.functional.linear(x, dequantize(self.blocks, self.kind).to(x.dtype), self.bias)
        if torch.is_grad_enabled() and x.requires_grad:
            result = torch.cat([self._product(x, rows) for rows in self.blocks.split(step)], dim=-1)
        else:  # one result from the start: small ones between the parts would cut the free memory into pieces
            result = x.new_empty(*x.shape[:-1], self.out_features)
            for start in range(0, self.out_features, step):
                result[..., start : start + step] = self._product(x, self.blocks[start : start + step])
        return result if self.bias is None else result + self.bias.to(x.dtype)

    def _product(self, x: Tensor, rows: Tensor) -> Tensor:
        return nn.functional.linear(x, dequantize(rows, self.kind).to(x.dtype))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        if self.packed is not None and (device := fn(torch.empty(0)).device) != self.packed.device:
            self.packed = self.packed.to(device)
            self._hold_packed()
        return super()._apply(fn, recurse)


class GgufEmbedding(QuantizedEmbedding):
    """Rows of numbers in `blocks`, uint8 (N, bytes of a row), of the type `kind`; only those asked for are dequantized."""

    blocks: Tensor

    def __init__(self, dense: nn.Embedding, blocks: Tensor, kind: Kind) -> None:
        _check(blocks, kind, dense.num_embeddings, dense.embedding_dim)
        nn.Module.__init__(self)
        self.num_embeddings, self.embedding_dim = dense.num_embeddings, dense.embedding_dim
        self.padding_idx, self.kind, self.dtype = dense.padding_idx, kind, dense.weight.dtype
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = None, 2.0, False, False
        self.embed_scale = getattr(dense, "embed_scale", None)
        self.register_buffer("blocks", blocks, persistent=False)
        self.training = dense.training

    def forward(self, input: Tensor) -> Tensor:
        rows = dequantize(self.blocks[input], self.kind).to(self.dtype)
        return rows if self.embed_scale is None else rows * torch.tensor(self.embed_scale, dtype=self.dtype)

    def dense(self, dtype: torch.dtype | None = None) -> nn.Embedding:
        sizes = self.num_embeddings, self.embedding_dim, self.padding_idx
        with torch.device("meta"):
            scale = self.embed_scale
            dense = nn.Embedding(*sizes) if scale is None else ScaledEmbedding(*sizes, scale=scale)
        dense.weight = nn.Parameter(dequantize(self.blocks, self.kind).to(dtype or self.dtype))
        return dense.train(self.training)


def _check(blocks: Tensor, kind: Kind, rows: int, columns: int) -> None:
    expected = (rows, columns // kind.block * kind.nbytes)
    if columns % kind.block or blocks.shape != expected or blocks.dtype != torch.uint8:
        raise CorruptFile(
            f"blocks of {kind.name} are {blocks.dtype} {tuple(blocks.shape)}; expected uint8 {expected}, for {rows} rows of"
            f" {columns} numbers"
        )


def _laid_out(blocks: Tensor, kind: Kind) -> Int4Weight:
    raw = blocks.view(-1, kind.nbytes)
    start = 4 if kind.name == "Q4_1" else 2
    codes = torch.cat([raw[:, start:] & 15, raw[:, start:] >> 4], dim=1).view(len(blocks), -1)
    halves = [raw[:, at : at + 2].contiguous().view(torch.float16).view(len(blocks), -1) for at in range(0, start, 2)]
    table = torch.tensor(_TABLES[kind.name], dtype=torch.float32)
    return Int4Weight.pack(codes, table, halves[0], halves[1] if len(halves) > 1 else None, group=kind.block)


def _from_layout(weight: Int4Weight, kind: Kind) -> Tensor:
    codes = weight.codes().view(-1, kind.block)
    parts = [weight.scales] if weight.offsets is None else [weight.scales, weight.offsets]
    halves = [part.reshape(-1, 1).view(torch.uint8) for part in parts]
    pairs = codes[:, : kind.block // 2] | codes[:, kind.block // 2 :] << 4
    return torch.cat([*halves, pairs], dim=1).view(weight.shape[0], -1)


class Gguf(Quantizer):
    """Weights left in the blocks of a GGUF file, where nothing on their way into the model asks for numbers."""

    config_class = GgufConfig
    layer = GgufLinear
    quantization_config: GgufConfig

    def check_saving(self) -> None:
        raise ConfigError(
            "the model is in the blocks of its GGUF file: keep that file, or dequantize() the model and save it in numbers or"
            " with format='gguf'"
        )

    def replace(self, model: Any) -> list[str]:
        return []  # `decode` knows of which layers the file has blocks

    def quantize(self, model: Any) -> None:
        raise ConfigError(
            "GgufConfig opens GGUF files; a model in numbers is written as one by save_pretrained(folder, format='gguf',"
            " quantization='Q8_0')"
        )

    def decode(self, model: Any, checkpoint: Checkpoint, rules: Iterable[Rule]) -> None:
        """Put layers of blocks in the places of those of which the file has some; the rest is read as numbers."""
        if checkpoint.format != "gguf":
            raise ConfigError(
                f"GgufConfig is for GGUF files, and {checkpoint.name} is none: name the file by gguf_file=, or leave out the"
                " settings"
            )
        if self.quantization_config.dequantize:
            return
        keys = {_own_name(model, name): recipe for name, recipe in on_load(rules, checkpoint.keys).items()}
        plain = {name: recipe.sources[0] for name, recipe in keys.items() if recipe.plain}
        tied = model.tied_weights()
        layers = dict(replaceable(model))
        embeddings = {path: each for path, each in model.named_modules() if type(each) in (nn.Embedding, ScaledEmbedding)}
        for path, embedding in embeddings.items():
            self._pack(model, path, embedding, checkpoint, plain, tied)
        for path, dense in layers.items():
            self._pack(model, path, dense, checkpoint, plain, tied)

    def _pack(
        self,
        model: Any,
        path: str,
        dense: nn.Embedding | nn.Linear | Conv1D,
        checkpoint: Checkpoint,
        plain: Mapping[str, str],
        tied: Mapping[str, str],
    ) -> None:
        """Put a layer of blocks in the place of the one at `path`, where the file has such for it."""
        name = f"{path}.weight"
        key = plain.get(tied.get(name, name)) or plain.get(name)
        if key is None or any(f".{each}." in f".{path}." for each in self.quantization_config.skipped or ()):
            return
        found = self._blocks.get(key) or _blocks_of(checkpoint, key)
        if found is None:
            return
        if isinstance(dense, nn.Embedding):  # which others may share
            self._blocks[key] = found
        blocks, kind = found
        if isinstance(dense, nn.Embedding):
            model.set_submodule(path, GgufEmbedding(dense, blocks, kind))
        else:
            layer = self.layer(dense, self.quantization_config)
            layer.take(blocks, kind, lay_out=name not in tied)
            model.set_submodule(path, layer)
            if layer.packed is not None:  # which holds the same bits, neither the file's pages nor free ones need stay
                del blocks, found
                checkpoint.drop(key)
                _give_back()
        checkpoint.keys.pop(key, None)

    @property
    def _blocks(self) -> dict[str, tuple[Tensor, Kind]]:
        """What was taken, by its key, for layers that share it; forgotten when the model is finished."""
        taken: dict[str, tuple[Tensor, Kind]] = self.__dict__.setdefault("_taken", {})
        return taken

    def finish(self, model: Any) -> None:
        self.__dict__.pop("_taken", None)
        if not self.quantization_config.dequantize:
            super().finish(model)
            model.untied(f"{path}.weight" for path, each in model.named_modules() if isinstance(each, GgufEmbedding))


def _give_back() -> None:
    """Have the C library give back memory that is free between pieces in use, where it can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _own_name(model: Any, name: str) -> str:
    """The name that a published tensor has in this model, which may be the backbone of that one."""
    prefix = f"{model.base_model_prefix}."
    return name if hasattr(model, model.base_model_prefix) else name.removeprefix(prefix)


def _blocks_of(checkpoint: Checkpoint, key: str) -> tuple[Tensor, Kind] | None:
    reader = checkpoint.reader(key) if key in checkpoint.keys else None
    return reader.blocks(checkpoint.stored_name(key)) if isinstance(reader, PublishedGguf) else None
