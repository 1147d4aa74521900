"""`BitsAndBytesConfig` beside the published one."""

from typing import Any

import pytest
import torch

from bestiary import BitsAndBytesConfig
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.quantization.config import AutoQuantizationConfig, QuantizationMethod

transformers = pytest.importorskip("transformers")

SETTINGS: list[dict[str, Any]] = [
    {},
    {"load_in_8bit": True},
    {"load_in_8bit": True, "llm_int8_threshold": 4.5, "llm_int8_skip_modules": ["lm_head", "q_proj"]},
    {"load_in_8bit": True, "llm_int8_has_fp16_weight": True, "llm_int8_enable_fp32_cpu_offload": True},
    {"load_in_4bit": True},
    {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    {"load_in_4bit": True, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": torch.float32},
    {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.float16, "bnb_4bit_quant_storage": "bfloat16"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_tables(settings: dict[str, Any]) -> None:
    ours, theirs = BitsAndBytesConfig(**settings), transformers.BitsAndBytesConfig(**settings)
    assert ours.to_dict() == theirs.to_dict()
    assert ours.to_diff_dict() == theirs.to_diff_dict()
    assert ours.to_json_string() == theirs.to_json_string()
    assert repr(ours) == repr(theirs)
    assert ours.quantization_method() == theirs.quantization_method()
    assert bool(ours.is_quantizable()) == bool(theirs.is_quantizable())
    assert AutoQuantizationConfig.from_dict(theirs.to_dict()).to_dict() == ours.to_dict()
    again, unused = BitsAndBytesConfig.from_dict(theirs.to_dict(), return_unused_kwargs=True, other=3)
    assert again.to_dict() == ours.to_dict()
    assert unused == {"other": 3}
    assert {name for name, _ in ours} == {name for name, _ in theirs} - {"_load_in_8bit", "_load_in_4bit"} | {
        "load_in_8bit",
        "load_in_4bit",
    }
    assert ours.update(llm_int8_threshold=5.0, other=1) == theirs.update(llm_int8_threshold=5.0, other=1)
    assert ours.to_dict() == theirs.to_dict()


def test_one_flag_excludes_the_other() -> None:
    settings = BitsAndBytesConfig(load_in_8bit=True)
    with pytest.raises(ConfigError, match="choose one"):
        settings.load_in_4bit = True
    settings.load_in_8bit = False
    settings.load_in_4bit = True
    assert settings.quantization_method() == "fp4"
    with pytest.raises(ValueError, match="choose one"):
        settings.load_in_8bit = True


@pytest.mark.parametrize(
    "settings",
    [
        {"load_in_8bit": True, "load_in_4bit": True},
        {"load_in_8bit": 1},
        {"load_in_4bit": "yes"},
        {"llm_int8_threshold": "six"},
        {"llm_int8_skip_modules": "lm_head"},
        {"llm_int8_enable_fp32_cpu_offload": 1},
        {"llm_int8_has_fp16_weight": 1},
        {"bnb_4bit_compute_dtype": 3},
        {"bnb_4bit_quant_type": 3},
        {"bnb_4bit_use_double_quant": 3},
        {"bnb_4bit_quant_storage": "int32"},
    ],
)
def test_what_is_refused_there_is_refused_here(settings: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as theirs:
        transformers.BitsAndBytesConfig(**settings)
    with pytest.raises(theirs.type):
        BitsAndBytesConfig(**settings)


def test_more_that_is_refused() -> None:
    for settings in ({"bnb_4bit_compute_dtype": "int8"}, {"bnb_4bit_compute_dtype": "foo"}):
        with pytest.raises(ConfigError, match="bnb_4bit_compute_dtype is"):
            BitsAndBytesConfig(**settings)
    with pytest.raises(ArgumentError, match="a number from 0"):
        BitsAndBytesConfig(llm_int8_threshold=-1.0)
    assert BitsAndBytesConfig().quant_method == QuantizationMethod.BITS_AND_BYTES
