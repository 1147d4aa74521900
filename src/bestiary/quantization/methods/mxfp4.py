"""Experts in floats of 4 bits with a power of two for each 32 (Open Compute Project 2023, MX), as gpt-oss is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError, CorruptFile
from ...core.logging import warn_once
from ...loading.checkpoint import Checkpoint, Encoded
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer

GROUP = 32
VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
"""What the 16 codes stand for: a sign, 2 bits of exponent, 1 of fraction."""
EXPERTS_AT_ONCE = 4


@dataclass(repr=False)
class Mxfp4Config(QuantizationConfigMixin):
    """Settings of experts in floats of 4 bits.

    Args:
        modules_to_not_convert: names of modules that stay as they are.
        dequantize: open the experts as numbers, which is what happens either way: only a GPU's kernels keep 4 bits.
    """

    quant_method = QuantizationMethod.MXFP4

    modules_to_not_convert: list[str] | None = None
    dequantize: bool = False

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        values.pop("dequantize")
        return values

    def at_opening(self) -> dict[str, Any]:
        return {"dequantize": self.dequantize}

    get_loading_attributes = at_opening


class Mxfp4(Quantizer):
    """Experts of a file, which are read as numbers."""

    config_class = Mxfp4Config
    quantization_config: Mxfp4Config

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        if not self.pre_quantized:
            raise ConfigError(
                "Mxfp4Config is for checkpoints whose experts are in 4 bits already, such as gpt-oss; take another method for"
                " numbers, such as BitsAndBytesConfig(load_in_4bit=True)"
            )
        if not self.quantization_config.dequantize:
            warn_once(
                "mxfp4",
                "the experts of the file are in 4 bits and become numbers of the model's dtype, which takes four times the"
                " memory in 16 bits: Mxfp4Config(dequantize=True) says that this is meant",
            )

    @property
    def gives_numbers(self) -> bool:
        return True

    def encoded(self, checkpoint: Checkpoint) -> dict[str, Encoded]:
        result, keys = {}, checkpoint.keys
        for name in [key.removesuffix("_blocks") for key in keys if key.endswith("_blocks")]:
            sources = (f"{name}_blocks", f"{name}_scales")
            if sources[1] not in keys:
                raise CorruptFile(f"{keys[sources[0]].file.name} holds {sources[0]}, and no {sources[1]}")
            shape, scales = keys[sources[0]].shape, keys[sources[1]].shape
            if len(shape) != 4 or shape[-1] != GROUP // 2 or scales != shape[:-1]:
                raise CorruptFile(
                    f"{sources[0]} has the shape {shape}, and its scales {scales}; expected (experts, rows, groups, 16) and"
                    " (experts, rows, groups)"
                )
            result[name] = Encoded(sources, (shape[0], shape[2] * GROUP, shape[1]), _numbers)
        return result


def _numbers(tensors: list[Tensor]) -> Tensor:
    """Blocks (E, O, G, 16), two codes to a byte, the first in its low bits, and exponents (E, O, G) -> (E, 32 G, O)."""
    blocks, exponents = tensors
    experts, rows, groups, _ = blocks.shape
    if blocks.is_meta:
        return torch.empty((experts, groups * GROUP, rows), device="meta")
    if blocks.dtype != torch.uint8 or exponents.dtype != torch.uint8:
        raise CorruptFile(f"blocks are {blocks.dtype} and scales {exponents.dtype}; expected torch.uint8")
    if bool((exponents == 255).any()):
        raise CorruptFile("scales hold 255, which stands for no number")
    values = torch.tensor(VALUES)
    result = torch.empty(experts, groups * GROUP, rows)
    for start in range(0, experts, EXPERTS_AT_ONCE):
        some = slice(start, start + EXPERTS_AT_ONCE)
        codes = torch.stack((blocks[some] & 15, blocks[some] >> 4), dim=-1).flatten(-2)
        numbers = values[codes.int()] * torch.exp2(exponents[some].float() - 127)[..., None]
        result[some] = numbers.flatten(2).mT
    return result
