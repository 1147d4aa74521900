"""Files of AWQ and AutoRound, read by loops over their bits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bestiary import AutoModelForCausalLM, AutoRoundConfig, AwqConfig, LlamaForCausalLM
from bestiary.core.errors import BestiaryError, ConfigError
from bestiary.nn.quantized import QuantizedLinear

from .test_gptq import IDS, in_words, layer_of_file, small, write

PLACES = (0, 2, 4, 6, 1, 3, 5, 7)
PATH = "model.layers.0.self_attn.k_proj"


def layer_of_awq(rows: int, columns: int, size: int, version: str) -> tuple[dict[str, Tensor], Tensor]:
    """Tensors of a layer in a file, and the numbers (rows, columns) that they are."""
    groups = columns // size
    codes, zeros = torch.randint(16, (rows, columns)), torch.randint(16, (rows, groups))
    scales = (torch.rand(rows, groups) * 0.02 + 0.001).half()
    numbers = torch.empty(rows, columns)
    for row in range(rows):
        for column in range(columns):
            group = column // size
            numbers[row, column] = float(codes[row, column] - zeros[row, group]) * float(scales[row, group])

    def words(lines: list[list[int]]) -> Tensor:
        return torch.tensor([in_words(line, 4) for line in lines]).to(torch.int32)

    def eights(line: list[int]) -> list[int]:
        return [line[start + place] for start in range(0, len(line), 8) for place in PLACES]

    if version == "gemv":
        wide = {32: 32, 64: 16, 128: 8}[size]
        filled = torch.nn.functional.pad(zeros, (0, wide - groups))
        parts = {"qweight": words(codes.tolist()), "qzeros": words(filled.tolist())}
        return {**parts, "scales": torch.nn.functional.pad(scales, (0, wide - groups))}, numbers
    parts = {
        "qweight": words([eights(line) for line in codes.T.tolist()]),
        "qzeros": words([eights(line) for line in zeros.T.tolist()]),
    }
    return {**parts, "scales": scales.T.contiguous()}, numbers


@pytest.mark.parametrize("settings", [
    {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True},
    {"quant_method": "awq", "w_bit": 4, "q_group_size": 32, "version": "GEMM"},
    {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemv", "modules_to_not_convert": ["gate"]},
    {"quant_method": "auto-round", "group_size": 32, "packing_format": "auto_round:auto_awq", "sym": False, "iters": 200},
])  # fmt: skip
def test_files_are_read_as_their_bits_say(settings: dict[str, Any], tmp_path: Path) -> None:
    layer = layer_of_awq(64, 64, 32, settings.get("version", "gemm").lower())
    numbers = write(tmp_path, settings, {PATH: layer}, tie_word_embeddings=True)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert [path for path, each in model.named_modules() if isinstance(each, QuantizedLinear)] == [PATH]
    assert torch.equal(model.get_submodule(PATH).dequantize(), layer[1])
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, numbers(IDS).logits, atol=1e-5, rtol=1e-5)
    model.save_pretrained(tmp_path / "again")
    before, after = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "again/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "again").config.quantization_config.bits == 4


@pytest.mark.parametrize(("packing", "version"), [("auto_round:auto_gptq", "gptq"), ("auto_round:gptqmodel", "gptq_v2")])
def test_files_of_autoround_that_lie_as_those_of_gptq(packing: str, version: str, tmp_path: Path) -> None:
    layer = layer_of_file(64, 64, 4, 32, version, False)
    other = layer_of_file(64, 64, 8, 64, version, False)
    settings = {
        "quant_method": "auto-round",
        "bits": 4,
        "group_size": 32,
        "sym": False,
        "packing_format": packing,
        "extra_config": {"model.layers.1.self_attn.k_proj": {"bits": 8, "group_size": -1}},
    }
    write(tmp_path, settings, {PATH: layer, "model.layers.1.self_attn.k_proj": other})
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(model.get_submodule(PATH).dequantize(), layer[1])
    assert torch.equal(model.model.layers[1].self_attn.k_proj.dequantize(), other[1])
    assert model.config.quantization_config.to_dict() == settings | {"backend": "auto"}


def test_what_is_not_read_or_made(tmp_path: Path) -> None:
    layer = layer_of_awq(64, 64, 32, "gemm")
    for settings, match in (
        ({"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemv_fast"}, "gemv_fast"),
        ({"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemv"}, "AWQ of version gemv"),
        ({"quant_method": "awq", "bits": 4, "group_size": 16}, "qzeros"),
        ({"quant_method": "awq", "bits": 8, "group_size": 32}, "4 bits"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "qweight"),
        ({"quant_method": "auto-round", "bits": 4, "group_size": 32, "packing_format": "auto_round:marlin"}, "marlin"),
        ({"quant_method": "auto-round", "bits": 5, "group_size": 32}, "5 bits"),
    ):
        write(tmp_path, settings, {PATH: layer})
        with pytest.raises(BestiaryError, match=match):
            LlamaForCausalLM.from_pretrained(tmp_path)
    for config in (AwqConfig(), AutoRoundConfig()):
        with pytest.raises(ConfigError, match="not made"):
            LlamaForCausalLM(small()).quantize(config)
