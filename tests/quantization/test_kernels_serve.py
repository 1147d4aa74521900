"""Layers of the published forms multiply by the C kernels: no weight is made anew in a call."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from bestiary.kernels import native
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.grid import grid_of, group_of_columns
from bestiary.quantization.methods.bitsandbytes import BitsAndBytesConfig
from bestiary.quantization.methods.compressed_tensors import CompressedTensors, CompressedTensorsConfig
from bestiary.quantization.methods.eetq import EetqConfig, RowInt8Linear
from bestiary.quantization.methods.fbgemm_fp8 import FbgemmFp8Config, RowFloat8Linear
from bestiary.quantization.methods.fp8 import BlockFloat8Linear, FineGrainedFP8Config
from bestiary.quantization.methods.gptq import GPTQConfig, GPTQLinear
from bestiary.quantization.methods.hqq import HqqConfig, HqqLinear
from bestiary.quantization.methods.linear_4bit import Linear4bit
from bestiary.quantization.methods.quanto import QuantoBitsLinear, QuantoByteLinear, QuantoConfig, QuantoFloat8Linear

ROWS, COLUMNS = 48, 160


def quantized(kind: type[QuantizedLinear], settings: Any) -> QuantizedLinear:
    layer = kind(nn.Linear(COLUMNS, ROWS), settings)
    layer.quantize(layer.weight.detach())
    return layer


def compressed(format: str, **args: Any) -> QuantizedLinear:
    group = {"targets": ["Linear"], "weights": {"symmetric": True, **args}}
    settings = CompressedTensorsConfig(config_groups={"first": group}, format=format, quantization_status="compressed")
    layer = CompressedTensors(settings, pre_quantized=True).make("layer", nn.Linear(COLUMNS, ROWS))
    layer.quantize(torch.randn(ROWS, COLUMNS))
    return layer


def by_activation() -> QuantizedLinear:
    """GPTQ in 8 bits with groups of columns that are no neighbours."""
    layer = GPTQLinear(nn.Linear(COLUMNS, ROWS), GPTQConfig(bits=8, group_size=32, sym=False))
    weight = torch.randn(ROWS, COLUMNS)
    order = torch.randperm(COLUMNS)
    groups = group_of_columns(COLUMNS, 32)[order]
    grid = grid_of(weight[:, order.argsort()], 32, 8, sym=False)
    layer.hold_integers(grid.codes(weight, groups), grid.scales.half(), grid.zeros, groups, 8, qzeros=None, g_idx=None)
    return layer


LAYERS: dict[str, Callable[[], QuantizedLinear]] = {
    "bitsandbytes, rows of 2.5 blocks": lambda: quantized(Linear4bit, BitsAndBytesConfig(load_in_4bit=True)),
    "bitsandbytes, nested": lambda: quantized(
        Linear4bit, BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    ),
    "quanto, int8": lambda: quantized(QuantoByteLinear, QuantoConfig()),
    "quanto, int4": lambda: quantized(QuantoBitsLinear, QuantoConfig(weights="int4")),
    "quanto, float8": lambda: quantized(QuantoFloat8Linear, QuantoConfig(weights="float8")),
    "fp8, rows": lambda: quantized(RowFloat8Linear, FbgemmFp8Config()),
    "fp8, blocks": lambda: quantized(BlockFloat8Linear, FineGrainedFP8Config(weight_block_size=(32, 64))),
    "eetq": lambda: quantized(RowInt8Linear, EetqConfig()),
    "gptq, 8 bits": lambda: quantized(GPTQLinear, GPTQConfig(bits=8, group_size=32, sym=False)),
    "gptq, 8 bits, rows": lambda: quantized(GPTQLinear, GPTQConfig(bits=8, group_size=-1)),
    "gptq, 8 bits, by activation": by_activation,
    "hqq, 8 bits": lambda: quantized(HqqLinear, HqqConfig(nbits=8, group_size=32).of_layer("")),
    "hqq, 4 bits": lambda: quantized(HqqLinear, HqqConfig(nbits=4, group_size=32).of_layer("")),
    "compressed-tensors, W4A16": lambda: compressed("pack-quantized", num_bits=4, type="int", strategy="group", group_size=32),
    "compressed-tensors, W4A16 with zeros": lambda: compressed(
        "pack-quantized", num_bits=4, type="int", strategy="group", group_size=32, symmetric=False
    ),
    "compressed-tensors, W8A16": lambda: compressed("pack-quantized", num_bits=8, type="int", strategy="channel"),
    "compressed-tensors, W8A16 with zeros": lambda: compressed(
        "pack-quantized", num_bits=8, type="int", strategy="group", group_size=32, symmetric=False
    ),
    "compressed-tensors, int8": lambda: compressed("int-quantized", num_bits=8, type="int", strategy="channel"),
    "compressed-tensors, float8": lambda: compressed("float-quantized", num_bits=8, type="float", strategy="tensor"),
}


@pytest.fixture(params=["torch", "kernels"])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Once with the kernels, which serve matrices of any size, and once without."""
    if request.param == "torch":
        monkeypatch.setenv("BESTIARY_NATIVE_KERNELS", "off")
        return False
    monkeypatch.delenv("BESTIARY_NATIVE_KERNELS", raising=False)
    monkeypatch.setattr(native, "WORTH_COMPILING", 0)
    if native.native(1 << 20) is None:
        pytest.skip(native.why_not())
    return True


@pytest.mark.parametrize("name", LAYERS)
def test_the_kernels_multiply(name: str, kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    numbers = layer.dequantize()
    stored = {key: tensor.float() for key, tensor in layer.stored().items() if tensor is not None}
    for rows in (1, 3, 40):
        x = torch.randn(rows, COLUMNS)
        expected = nn.functional.linear(x.double(), numbers.double(), layer.bias.double())
        with monkeypatch.context() as patch, torch.no_grad():
            patch.setattr(type(layer), "dequantize", lambda _: pytest.fail("the weight was made anew"))
            result = layer(x)
        assert (result.double() - expected).abs().max() < 1e-5 * expected.abs().max(), rows
        with torch.no_grad():
            half = layer(x.bfloat16())
        assert half.dtype == torch.bfloat16
        assert (half.double() - expected).abs().max() < 2e-2 * expected.abs().max()
    for key, tensor in stored.items():
        assert torch.equal(layer.stored()[key].float(), tensor), key
    given = torch.randn(2, COLUMNS, requires_grad=True)
    layer(given).square().sum().backward()
    other = given.detach().clone().requires_grad_()
    nn.functional.linear(other, numbers.float(), layer.bias.detach()).square().sum().backward()
    assert (given.grad - other.grad).abs().max() < 1e-4 * other.grad.abs().max()


def test_floats_of_8_bits_that_are_nan_stay_nan(kernels: bool) -> None:
    layer = RowFloat8Linear(nn.Linear(COLUMNS, ROWS), FbgemmFp8Config())
    codes = torch.zeros(ROWS, COLUMNS).to(torch.float8_e4m3fn)
    codes.view(torch.uint8)[3, 5] = 0x7F
    layer.keep(codes, torch.ones(ROWS, 1))
    result = layer(torch.ones(1, COLUMNS))
    assert result.isnan().nonzero().tolist() == [[0, 3]]
