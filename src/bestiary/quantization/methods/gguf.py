"""GGUF opened packed: weights stay in the blocks of the file, and become numbers for the product with them.

Most types of blocks are multiplied as they are (`kernels/blocks.py`); of the others, and without a C compiler, a part of the
rows at a time is dequantized.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, CorruptFile, InputError
from ...core.gguf import KINDS, NUMBERS, Kind
from ...kernels.blocks import block_linear, block_numbers, block_step
from ...kernels.steps import DENSE_LAYERS, Dense, Watch
from ...loading.checkpoint import Checkpoint
from ...loading.gguf.published import PublishedGguf
from ...loading.rules import Rule, on_load
from ...nn.conv import Conv1D
from ...nn.embeddings import ScaledEmbedding
from ...nn.quantized import QuantizedEmbedding, QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer, replaceable


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
    """W = the numbers in `blocks`, uint8 (N, bytes of a row), of the type `kind`."""

    needs = ("weight", "weight_format")
    blocks: Tensor
    kind: Kind

    def quantize(self, weight: Tensor) -> None:
        raise InputError(
            "layers in the blocks of a GGUF file keep their numbers: dequantize() the model to set others or to merge adapters;"
            " save_pretrained(folder, format='gguf') writes a file"
        )

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        number = int(tensors["weight_format"])
        if number not in KINDS:
            raise CorruptFile(f"the type of blocks is {number}, which GGUF does not have")
        self.take(tensors["weight"], KINDS[number])

    def take(self, blocks: Tensor, kind: Kind) -> None:
        """Fill the layer from `blocks` (N, bytes of a row).

        Raises:
            CorruptFile: they are those of another shape.
        """
        _check(blocks, kind, self.out_features, self.in_features)
        self.kind, self.parameter_count = kind, self.out_features * self.in_features
        self.hold(blocks=blocks)

    def stored(self) -> dict[str, Tensor]:
        return {"weight": self.blocks, "weight_format": torch.tensor(NUMBERS[self.kind.name], dtype=torch.uint8)}

    def dequantize(self) -> Tensor:
        return block_numbers(self.blocks, self.kind)

    def forward(self, x: Tensor) -> Tensor:
        return block_linear(x, self.blocks, self.kind, self.bias)


def _as_step(layer: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    kind = watch.value(layer, "kind")
    weight, bias = watch.tensor(layer, "blocks", torch.uint8), watch.tensor(layer, "bias", dtype)
    return {**block_step(kind, len(layer.blocks), layer.in_features, dtype), "weight": weight, "bias": bias}, len(layer.blocks)


DENSE_LAYERS[GgufLinear.forward] = _as_step


class GgufEmbedding(QuantizedEmbedding):
    """Rows of numbers in `blocks`, uint8 (N, bytes of a row), of the type `kind`; only those asked for are dequantized."""

    blocks: Tensor

    def __init__(self, dense: nn.Embedding, blocks: Tensor, kind: Kind) -> None:
        _check(blocks, kind, dense.num_embeddings, dense.embedding_dim)
        nn.Module.__init__(self)
        self.num_embeddings, self.embedding_dim = dense.num_embeddings, dense.embedding_dim
        self.padding_idx, self.kind, self.dtype = dense.padding_idx, kind, dense.weight.dtype
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = None, 2.0, False, False
        self.parameter_count, self.number_dtype = self.num_embeddings * self.embedding_dim, self.dtype
        self.embed_scale = getattr(dense, "embed_scale", None)
        self.register_buffer("blocks", blocks, persistent=False)
        self.training = dense.training

    def forward(self, input: Tensor) -> Tensor:
        rows = block_numbers(self.blocks[input], self.kind, self.dtype, self.num_embeddings * self.embedding_dim)
        return rows if self.embed_scale is None else rows * torch.tensor(self.embed_scale, dtype=self.dtype)

    def dequantize(self) -> Tensor:
        return block_numbers(self.blocks, self.kind, self.dtype)

    def dense(self, dtype: torch.dtype | None = None) -> nn.Embedding:
        sizes = self.num_embeddings, self.embedding_dim, self.padding_idx
        with torch.device("meta"):
            scale = self.embed_scale
            dense = nn.Embedding(*sizes) if scale is None else ScaledEmbedding(*sizes, scale=scale)
        dense.weight = nn.Parameter(block_numbers(self.blocks, self.kind, dtype or self.dtype))
        return dense.train(self.training)


def _check(blocks: Tensor, kind: Kind, rows: int, columns: int) -> None:
    expected = (rows, columns // kind.block * kind.nbytes)
    if columns % kind.block or blocks.shape != expected or blocks.dtype != torch.uint8:
        raise CorruptFile(
            f"blocks of {kind.name} are {blocks.dtype} {tuple(blocks.shape)}; expected uint8 {expected}, for {rows} rows of"
            f" {columns} numbers"
        )


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
        shared = key in self._blocks
        found = self._blocks.get(key) or _blocks_of(checkpoint, key)
        if found is None:
            return
        if isinstance(dense, nn.Embedding):  # which others may share
            self._blocks[key] = found
        blocks, kind = found
        if isinstance(dense, nn.Embedding):
            layer: GgufEmbedding | GgufLinear = GgufEmbedding(dense, blocks, kind)
        else:
            layer = self.layer(dense, self.quantization_config)
            layer.take(blocks, kind)
        layer.parameter_count = 0 if shared else layer.parameter_count
        model.set_submodule(path, layer)
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


def _own_name(model: Any, name: str) -> str:
    """The name that a published tensor has in this model, which may be the backbone of that one."""
    prefix = f"{model.base_model_prefix}."
    return name if hasattr(model, model.base_model_prefix) else name.removeprefix(prefix)


def _blocks_of(checkpoint: Checkpoint, key: str) -> tuple[Tensor, Kind] | None:
    reader = checkpoint.reader(key) if key in checkpoint.keys else None
    return reader.blocks(checkpoint.stored_name(key)) if isinstance(reader, PublishedGguf) else None
