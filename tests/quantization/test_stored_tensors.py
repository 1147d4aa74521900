"""Tensors of files in few bits whose dtype, shape or values are not what their codes need: refused by name."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bestiary import (
    BitNetQuantConfig,
    BitsAndBytesConfig,
    FbgemmFp8Config,
    FineGrainedFP8Config,
    GPTQConfig,
    HqqConfig,
    QuantoConfig,
)
from bestiary.core.errors import BestiaryError, CorruptFile
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.config import QuantizationConfigMixin, method_class

FORMATS: dict[str, QuantizationConfigMixin] = {
    "8 bits": BitsAndBytesConfig(load_in_8bit=True),
    "4 bits": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    "4 bits, double": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=True),
    "GPTQ": GPTQConfig(bits=4, group_size=32),
    "HQQ": HqqConfig(nbits=4, group_size=32),
    "HQQ, axis 0": HqqConfig(nbits=8, group_size=32, axis=0),
    "quanto int8": QuantoConfig(weights="int8"),
    "quanto int4": QuantoConfig(weights="int4"),
    "quanto float8": QuantoConfig(weights="float8"),
    "fp8 blocks": FineGrainedFP8Config(weight_block_size=(32, 32)),
    "fp8 rows": FbgemmFp8Config(),
}


def layer_of(settings: Any, from_file: bool) -> QuantizedLinear:
    torch.manual_seed(0)
    return method_class(settings.quant_method)(settings, pre_quantized=from_file).make("layer", nn.Linear(64, 48, bias=False))


def stored(settings: Any) -> dict[str, Tensor]:
    layer = layer_of(settings, from_file=False)
    layer.quantize(layer.weight.detach())
    return layer.stored()


@pytest.mark.parametrize("name", FORMATS)
def test_each_tensor_in_other_dtypes_and_shapes(name: str) -> None:
    """What is not refused computes what it did: an integer in another width, scales in another float."""
    settings = FORMATS[name]
    tensors = stored(settings)
    expected = _numbers(settings, tensors)
    for key, tensor in tensors.items():
        others: list[Tensor] = [
            tensor.to(dtype) for dtype in (torch.complex64, torch.bool, torch.int64) if dtype != tensor.dtype
        ]
        others += [tensor.view(torch.int8) if tensor.dtype == torch.uint8 else tensor.to(torch.int32), tensor.float()]
        others += [tensor.double(), tensor.half(), tensor.bfloat16(), torch.cat([tensor.flatten()] * 2), tensor.flatten()[:0]]
        others += [tensor.T.contiguous(), tensor[None], tensor.flatten()[1:]] if tensor.dim() == 2 else []
        for other in others:
            found = _numbers_or_refusal(settings, {**tensors, key: other})
            if isinstance(found, str):
                assert any(word in found for word in (key, key.removeprefix("weight."), "weight", "scales", "quant_state"))
            else:
                torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-2, msg=f"{key} {other.dtype} {other.shape}")


def _numbers_or_refusal(settings: Any, tensors: Mapping[str, Tensor]) -> Tensor | str:
    try:
        return _numbers(settings, tensors)
    except CorruptFile as error:
        return str(error)


def _numbers(settings: Any, tensors: Mapping[str, Tensor]) -> Tensor:
    layer = layer_of(settings, from_file=True)
    layer.restore(tensors)
    return layer.dequantize()


@pytest.mark.parametrize("name", FORMATS)
def test_scales_that_are_none(name: str) -> None:
    settings = FORMATS[name]
    tensors = stored(settings)
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float8_e4m3fn:
            for value in (torch.nan, torch.inf):
                with pytest.raises(BestiaryError, match="finite|activations"):
                    _numbers(settings, {**tensors, key: torch.full_like(tensor, value)})


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("4 bits", "weight.quant_map", torch.linspace(-1, 1, 16), "quant_map has .* nf4 is"),
        ("4 bits", "weight.absmax", torch.ones(48, dtype=torch.float16), "weight.absmax is torch.float16"),
        ("4 bits", "weight", torch.zeros(1536, 1), "weight is torch.float32"),
        ("8 bits", "SCB", torch.ones(48, dtype=torch.int32), "SCB is torch.int32"),
        ("8 bits", "weight_format", torch.tensor(0.5), "weight_format is torch.float32"),
        ("GPTQ", "g_idx", torch.zeros(0, dtype=torch.int32), "g_idx is torch.int32"),
        ("GPTQ", "g_idx", torch.zeros(64), "g_idx is torch.float32"),
        ("GPTQ", "g_idx", torch.full((64,), 2), "from 2 to 2; expected 0 to 1"),
        ("HQQ", "nbits", torch.tensor(8), "nbits is 8 in the file; .* say 4"),
        ("HQQ", "group_size", torch.tensor(64), "group_size is 64 in the file"),
        ("HQQ", "axis", torch.tensor(0), "axis is 0 in the file"),
        ("HQQ", "shape", torch.tensor([64, 48]), r"shape is \[64, 48\] in the file"),
        ("HQQ", "packing", torch.tensor(list(b"8bit_u8"), dtype=torch.uint8), "packing is '8bit_u8' in the file"),
        ("HQQ", "quant_zero", torch.tensor(1, dtype=torch.uint8), "quantized themselves"),
        ("HQQ", "scale", torch.ones(96, 1, dtype=torch.int32), "scale is torch.int32"),
        ("HQQ, axis 0", "zero", torch.ones(1, 96, dtype=torch.uint8), "zero is torch.uint8"),
    ],
)
def test_what_would_be_silently_wrong(name: str, key: str, value: Tensor, words: str) -> None:
    settings = FORMATS[name]
    with pytest.raises(CorruptFile, match=words):
        _numbers(settings, {**stored(settings), key: value})


def test_ternary_weights() -> None:
    packed = {"weight": torch.zeros(12, 64, dtype=torch.uint8), "weight_scale": torch.ones(1)}
    for change, words in (
        ({"weight_scale": torch.ones(1, dtype=torch.int32)}, "weight_scale is torch.int32"),
        ({"weight_scale": torch.zeros(1)}, "other than 0"),
        ({"weight": torch.zeros(12, 64, dtype=torch.int8)}, "weight is torch.int8"),
    ):
        with pytest.raises(CorruptFile, match=words):
            _numbers(BitNetQuantConfig(), packed | change)
    numbers = {"weight": torch.zeros(48, 64), "weight_scale": torch.ones(1)}
    for change, words in (
        ({"weight": torch.zeros(48, 64, dtype=torch.float8_e4m3fn)}, "weight is torch.float8"),
        ({"weight_scale": torch.ones(2)}, "one number"),
        ({"rms_norm.weight": torch.ones(64, dtype=torch.int32)}, "rms_norm.weight is torch.int32"),
    ):
        settings = BitNetQuantConfig(linear_class="autobitlinear", use_rms_norm=True)
        with pytest.raises(CorruptFile, match=words):
            _numbers(settings, numbers | {"rms_norm.weight": torch.ones(64)} | change)
