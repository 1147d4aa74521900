"""Settings of every method against the published ones: signature, defaults, tables, differences, text, and what is refused."""

import importlib.util
import inspect
import json
from typing import Any

import pytest
import transformers.utils.quantization_config as published

import bestiary
from bestiary.core.errors import ConfigError
from bestiary.quantization.config import AutoQuantizationConfig, method_class
from bestiary.quantization.methods import METHODS

W4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": False}
TOKENS = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}
GROUPS = {"group_0": {"targets": ["Linear"], "weights": W4, "input_activations": TOKENS}}
# Settings that both make, as (name, keywords).
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("BitsAndBytesConfig", {}),
    ("BitsAndBytesConfig", {"load_in_8bit": True, "llm_int8_threshold": 5.0, "llm_int8_skip_modules": ["a"]}),
    ("BitsAndBytesConfig", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "bfloat16"}),
    ("QuantoConfig", {}),
    ("QuantoConfig", {"weights": "int4", "modules_to_not_convert": ["a"]}),
    ("QuantoConfig", {"weights": "float8", "activations": "int8"}),
    ("EetqConfig", {}),
    ("EetqConfig", {"modules_to_not_convert": ["a", "b"]}),
    ("FbgemmFp8Config", {}),
    ("FbgemmFp8Config", {"activation_scale_ub": 1, "modules_to_not_convert": ["a"]}),
    ("FineGrainedFP8Config", {}),
    ("FineGrainedFP8Config", {"weight_block_size": [64, 32], "dequantize": True, "modules_to_convert": ["a"]}),
    ("FineGrainedFP8Config", {"weight_block_size": None, "activation_scheme": "static", "scale_fmt": "ue8m0"}),
    ("FineGrainedFP8Config", {"expert_dtype": "fp4"}),
    ("Mxfp4Config", {}),
    ("Mxfp4Config", {"modules_to_not_convert": ["a"], "dequantize": True}),
    ("BitNetQuantConfig", {}),
    ("BitNetQuantConfig", {"linear_class": "autobitlinear", "quantization_mode": "online", "use_rms_norm": True}),
    ("CompressedTensorsConfig", {}),
    ("CompressedTensorsConfig", {"config_groups": {"W8A8": ["Linear"]}}),
    ("CompressedTensorsConfig", {"config_groups": {"FP8_DYNAMIC": ["re:.*proj"]}, "ignore": ["lm_head"]}),
    ("CompressedTensorsConfig", {"config_groups": {"FP8": ["Linear"]}, "dequantize": True, "run_compressed": False}),
    ("CompressedTensorsConfig", {"config_groups": {"FP8_BLOCK": ["Linear"]}}),
    ("CompressedTensorsConfig", {"config_groups": {"W4A16_ASYM": ["Linear"]}}),
    ("GPTQConfig", {"bits": 4}),
    ("GPTQConfig", {"bits": 3, "desc_act": True, "act_group_aware": True, "group_size": -1, "sym": False}),
    (
        "GPTQConfig",
        {"bits": 8, "checkpoint_format": "gptq_v2", "dataset": ["text"], "tokenizer": "folder", "backend": "marlin"},
    ),
    ("AwqConfig", {}),
    ("AwqConfig", {"version": "GEMV", "group_size": 64, "modules_to_not_convert": ["gate"]}),
    ("AwqConfig", {"backend": "llm-awq", "zero_point": False}),
    ("AutoRoundConfig", {}),
    ("AutoRoundConfig", {"bits": 2, "group_size": -1, "sym": False, "packing_format": "auto_round:auto_awq"}),
    ("HqqConfig", {}),
    ("HqqConfig", {"nbits": 2, "group_size": 16, "axis": 0, "view_as_float": True, "skip_modules": ["a"]}),
    ("HqqConfig", {"dynamic_config": {"self_attn.q_proj": {"nbits": 8, "group_size": 32}}}),
    (
        "CompressedTensorsConfig",
        {"config_groups": GROUPS, "format": "pack-quantized", "quantization_status": "compressed", "ignore": ["re:.*gate"]},
    ),
]
OF_OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("GPTQConfig", {"bits": 4}),
    ("GPTQConfig", {"bits": 3, "group_size": 32, "desc_act": True, "sym": False, "damp_percent": 0.2}),
    ("AwqConfig", {}),
    ("AwqConfig", {"group_size": 64, "zero_point": False, "modules_to_not_convert": ["a"]}),
    ("GgufConfig", {}),
    ("GgufConfig", {"gguf_file": "model.gguf", "dequantize": True}),
    ("AutoRoundConfig", {}),
    ("AutoRoundConfig", {"bits": 8, "group_size": 32, "sym": False}),
    ("HqqConfig", {}),
    ("HqqConfig", {"nbits": 8, "group_size": 32, "axis": 1, "skip_modules": ["a"]}),
]
OUR_OWN = {"BitsAndBytesAllConfig"}  # of files that the published library refuses
HERE = {method_class(name).config_class.__name__ for name in METHODS} - OUR_OWN
ROWS += [row for row in OF_OTHERS if row[0] in HERE]
# What both refuse.
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("QuantoConfig", {"weights": "int3"}),
    ("QuantoConfig", {"activations": "int4"}),
    ("EetqConfig", {"weights": "int4"}),
    ("FineGrainedFP8Config", {"activation_scheme": "none"}),
    ("FineGrainedFP8Config", {"weight_block_size": (128,)}),
    ("FineGrainedFP8Config", {"weight_block_size": (0, 128)}),
    ("FineGrainedFP8Config", {"scale_fmt": "e4m3"}),
    ("FineGrainedFP8Config", {"expert_dtype": "int8"}),
    ("BitNetQuantConfig", {"linear_class": "linear"}),
    ("GPTQConfig", {"bits": 5}),
    ("GPTQConfig", {"bits": 4, "group_size": 0}),
    ("GPTQConfig", {"bits": 4, "damp_percent": 1}),
    ("AwqConfig", {"version": "gem"}),
    ("AwqConfig", {"backend": "fast"}),
    ("AutoRoundConfig", {"bits": 9}),
    ("AutoRoundConfig", {"group_size": 0}),
    ("HqqConfig", {"axis": 2}),
    ("HqqConfig", {"group_size": 12}),
    ("BitNetQuantConfig", {"quantization_mode": "sometimes"}),
]
OURS = {"GgufConfig": {"modules_to_not_convert"}}  # fields that are added to the published ones
NEEDS = {
    "CompressedTensorsConfig": "compressed_tensors",
    "HqqConfig": "hqq",
}  # settings that the published library makes by a package


def both(name: str, values: dict[str, Any]) -> tuple[Any, Any]:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"the published {name} needs {NEEDS[name]}")
    return getattr(bestiary, name)(**values), getattr(published, name)(**values)


def plain(values: Any) -> Any:
    return json.loads(json.dumps(values))


@pytest.mark.parametrize("name", sorted(HERE))
def test_the_signature_is_the_published_one(name: str) -> None:
    ours = inspect.signature(getattr(bestiary, name)).parameters
    theirs = inspect.signature(getattr(published, name)).parameters
    expected = {key: each.default for key, each in theirs.items() if each.kind is not inspect.Parameter.VAR_KEYWORD}
    assert {key: each.default for key, each in ours.items() if key in expected} == expected
    assert list(ours)[: len(expected)] == list(expected)


def test_every_method_has_a_row() -> None:
    assert HERE - {name for name, _ in ROWS} <= {"TorchAoConfig"}


@pytest.mark.parametrize(("name", "values"), ROWS)
def test_tables_are_the_published_ones(name: str, values: dict[str, Any]) -> None:
    ours, theirs = both(name, values)
    without = [{key: each for key, each in table.items() if key not in OURS.get(name, ())} for table in _tables(ours)]
    assert plain(without) == plain(_tables(theirs))
    if hasattr(theirs, "get_loading_attributes"):
        assert ours.get_loading_attributes() == theirs.get_loading_attributes()


def _tables(settings: Any) -> list[dict[str, Any]]:
    return [settings.to_dict(), settings.to_diff_dict()]


@pytest.mark.parametrize(("name", "values"), ROWS)
def test_settings_come_back_from_their_table(name: str, values: dict[str, Any]) -> None:
    settings = getattr(bestiary, name)(**values)
    again = AutoQuantizationConfig.from_dict(plain(settings.to_dict()))
    assert type(again) is type(settings)
    assert plain(again.to_dict()) == plain(settings.to_dict())


@pytest.mark.parametrize(("name", "values"), REFUSED)
def test_what_both_refuse(name: str, values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, ImportError, AssertionError)):
        getattr(published, name)(**values)
    with pytest.raises(ConfigError, match="expected"):
        getattr(bestiary, name)(**values)


def test_published_methods_that_are_not_opened_are_named() -> None:
    for name in ("higgs", "vptq", "aqlm", "spqr", "quark", "fp_quant"):
        with pytest.raises(ConfigError, match="not opened here"):
            AutoQuantizationConfig.from_dict({"quant_method": name})
