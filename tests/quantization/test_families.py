"""A model of every family in 8 and 4 bits: computes, is saved, opens again, generates."""

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import Pair, every_head, one_each, pair, seed

from bestiary import BitsAndBytesConfig
from bestiary.nn.quantized import QuantizedLinear

SETTINGS = {
    "8 bits": BitsAndBytesConfig(load_in_8bit=True),
    "4 bits": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
}
# Families that are convolutions alone.
WITHOUT_DENSE_LAYERS = (
    "bit",
    "efficientnet",
    "hgnet_v2",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilevitv2",
    "poolformer",
    "regnet",
    "resnet",
    "superpoint",
    "upernet",
)
# Families whose queries are the likeliest places, which numbers in 8 bits order otherwise: what all places tell is compared.
CHOOSING = ("d_fine", "rt_detr", "rt_detr_v2")
# Standard difference from the dequantized model, to the spread of outputs: inputs of 8-bit layers are in 8 bits too.
ROUNDING = {"8 bits": 0.15, "4 bits": 1e-3}
# Families whose numbers are all of what was chosen, and a choice between near ones turns with the rounding.
MATCHING = ("lightglue",)


def numbers_in(output: Any) -> Iterator[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from numbers_in(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from numbers_in(value)


def outputs(model: Any, models: Pair) -> list[torch.Tensor]:
    seed(0)
    with torch.no_grad():
        result = model(**models.inputs)
    chooses = models.ours.config.model_type in CHOOSING
    told = {name: value for name, value in result.items() if not chooses or name.startswith("enc_outputs")}
    return [each for each in numbers_in(told) if each.is_floating_point()]


@pytest.mark.parametrize("bits", SETTINGS)
@pytest.mark.parametrize("row", one_each(every_head()), ids=lambda row: row[0])
def test_a_family_in_few_bits(row: tuple[str, str, str], bits: str, tmp_path: Path) -> None:
    models = pair(*row)
    kind = type(models.ours)
    is_told = models.ours.config.model_type in WITHOUT_DENSE_LAYERS
    with pytest.warns(match="has no layer in few bits") if is_told else nullcontext():
        model = kind.from_pretrained(models.folder, quantization_config=copy.deepcopy(SETTINGS[bits]))
    layers = [each for each in model.modules() if isinstance(each, QuantizedLinear)]
    assert all(each.is_filled for each in layers)
    found = outputs(model, models)
    numbers = copy.deepcopy(model)
    numbers = numbers.dequantize() if layers else numbers
    for ours, plain in zip(found, outputs(numbers, models), strict=True):
        spread = plain[plain.isfinite()].std().nan_to_num().item() + 1e-3
        rounding = (ours - plain).nan_to_num(posinf=0, neginf=0).square().mean().sqrt().nan_to_num().item()
        assert rounding <= ROUNDING[bits] * spread or row[0] in MATCHING
    model.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    state, expected = again.state_dict(), model.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name].nan_to_num(), tensor.nan_to_num()) for name, tensor in expected.items())
    for ours, first in zip(outputs(again, models), found, strict=True):
        assert torch.equal(ours.nan_to_num(), first.nan_to_num())
    if models.head.generates:
        seed(0)
        tokens = model.generate(**models.inputs, max_new_tokens=3, do_sample=False)
        seed(0)
        assert torch.equal(again.generate(**models.inputs, max_new_tokens=3, do_sample=False), tokens)
