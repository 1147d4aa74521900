"""What few bits cost the model inside the package, in perplexity on programs of the standard library."""

import copy
import inspect
import textwrap
import warnings
from typing import Any

import pytest
import torch

from bestiary import BitsAndBytesConfig, GPTQConfig, HqqConfig, PreTrainedModel, pipeline

CALIBRATION = (textwrap,)


@pytest.fixture(scope="module")
def generate() -> Any:
    with warnings.catch_warnings(action="ignore"):  # of the model that was not named
        made = pipeline("text-generation")
    return made


def windows(tokenizer: Any, modules: tuple[Any, ...], length: int = 256, most: int = 16) -> torch.Tensor:
    """Rows (n, length) of tokens of programs."""
    ids = torch.tensor(tokenizer("".join(inspect.getsource(each) for each in modules), verbose=False).input_ids)
    return ids[: len(ids) // length * length].view(-1, length)[:most]


@torch.no_grad()
def perplexity(model: PreTrainedModel, rows: torch.Tensor) -> float:
    losses = [model(input_ids=row[None], labels=row[None]).loss for row in rows]
    return float(torch.stack(losses).mean().exp())


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        (BitsAndBytesConfig(load_in_8bit=True), 1.005),
        (BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True), 1.05),
        (BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="int4"), 1.08),
        (HqqConfig(nbits=4, group_size=16), 1.05),
        (GPTQConfig(bits=4, group_size=64, dynamic={r".*down_proj": {"group_size": 86}}), 1.05),
    ],
    ids=["int8", "nf4", "int4", "hqq", "gptq"],
)
def test_perplexity(settings: Any, most: float, generate: Any) -> None:
    rows = windows(generate.tokenizer, (copy, inspect))
    plain = perplexity(generate.model, rows)
    model = copy.deepcopy(generate.model)
    if isinstance(settings, GPTQConfig):
        settings.dataset = windows(generate.tokenizer, CALIBRATION).tolist()
    few = perplexity(model.quantize(settings), rows)
    assert plain < few * 1.02
    assert few / plain < most
