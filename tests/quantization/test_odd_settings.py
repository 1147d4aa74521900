"""Settings of other kinds than expected, from users and from files of strangers: each is refused in words."""

import inspect
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import bestiary
from bestiary import (
    BitsAndBytesConfig,
    CompressedTensorsConfig,
    FineGrainedFP8Config,
    GPTQConfig,
    HqqConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.config import AutoQuantizationConfig, method_class
from bestiary.quantization.methods import METHODS

IDS = torch.tensor([[1, 5, 2]])
SETTINGS = sorted(
    {method_class(name).config_class.__name__ for name in METHODS if name != "torchao"} - {"BitsAndBytesAllConfig"}
)
ODD: list[Any] = [10**400, 1.5, float("nan"), -1, "x", b"x", [], [1], [None], {}, {"a": 1}, {1: 2}, {"(": {}}, {"a": None}]
ODD += [object(), torch.float32, torch.zeros(2), (10**9, 10**9), [[1]], True]
NEEDED = {"GPTQConfig": {"bits": 4, "group_size": 32, "dataset": [[1, 2, 3, 4] * 10]}}


def tiny() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes))


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return tiny()


@pytest.mark.filterwarnings("ignore:.*quantization-field", "ignore:.*BitsAndBytesConfig says neither")
@pytest.mark.parametrize("name", SETTINGS)
def test_values_of_any_kind(name: str, model: LlamaForCausalLM) -> None:
    kind, needed = getattr(bestiary, name), NEEDED.get(name, {})
    for field in inspect.signature(kind).parameters:
        for value in ODD:
            assert len(refusal(kind, {**needed, field: value}, model)) < 500
    for value in ODD:
        if not isinstance(value, dict) or name == "GPTQConfig":
            with pytest.raises(ConfigError, match="expected a table|no bits"):
                kind.from_dict(value)


def refusal(kind: Any, values: dict[str, Any], model: LlamaForCausalLM) -> str:
    try:
        settings = kind(**values)
        method = method_class(settings.quant_method)(settings)
        method.check(None)
        method.to_replace(model)
    except (ConfigError, ArgumentError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("given", [each for each in ODD if not isinstance(each, dict)], ids=lambda value: type(value).__name__)
def test_what_are_no_settings(given: Any, model: LlamaForCausalLM, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    for call in (model.quantize, lambda given: LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=given)):
        with pytest.raises(ArgumentError, match="expected settings such as"):
            call(given)
    with pytest.raises(ConfigError, match="expected a table"):
        AutoQuantizationConfig.from_dict(given)
    if given is not True:
        with pytest.raises(ArgumentError, match="expected True or False"):
            LlamaForCausalLM.from_pretrained(tmp_path, load_in_8bit=given)
    config = LlamaConfig.from_pretrained(tmp_path)
    config.quantization_config = given
    with pytest.raises(ArgumentError, match="expected settings such as"):
        LlamaForCausalLM.from_pretrained(tmp_path, config=config)


def test_settings_as_a_table() -> None:
    assert tiny().quantize({"load_in_8bit": True}).is_loaded_in_8bit
    with pytest.raises(ArgumentError, match="None"):
        tiny().quantize(None)
    with pytest.raises(ConfigError, match="no bits"):
        AutoQuantizationConfig.from_dict({"quant_method": "gptq", "group_size": 32})


def test_an_update_that_is_refused_changes_nothing() -> None:
    settings = GPTQConfig(bits=4)
    with pytest.raises(ConfigError, match="group_size"):
        settings.update(bits=8, group_size="x")
    assert (settings.bits, settings.group_size) == (4, 128)


def test_a_threshold_beyond_all_numbers() -> None:
    plain, quantized = tiny(), tiny().quantize(BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=10**400))
    with torch.no_grad():
        torch.testing.assert_close(quantized(IDS).logits, plain(IDS).logits, atol=5e-2, rtol=0)


def test_blocks_larger_than_a_weight() -> None:
    large, whole = (FineGrainedFP8Config(weight_block_size=size) for size in ((10**9, 10**9), None))
    with torch.no_grad():
        assert torch.equal(tiny().quantize(large)(IDS).logits, tiny().quantize(whole)(IDS).logits)


HOSTILE = r"((?:(?:[a-z_.0-9]+)+)+)+!"


@pytest.mark.parametrize(
    "settings",
    [
        lambda: GPTQConfig(bits=4, group_size=32, dataset=[[1] * 40], dynamic={HOSTILE: {"bits": 8}}),
        lambda: GPTQConfig(bits=4, group_size=32, dataset=[[1] * 40], dynamic={f"-:{HOSTILE}": {}}),
        lambda: CompressedTensorsConfig({"W8A8": [f"re:{HOSTILE}"]}, quantization_status="compressed", format="int-quantized"),
        lambda: CompressedTensorsConfig({"W8A8": ["Linear"]}, ignore=[f"re:{HOSTILE}"], quantization_status="compressed"),
    ],
)
def test_regular_expressions_of_strangers_end(settings: Any, model: LlamaForCausalLM) -> None:
    start, made = time.process_time(), settings()
    method = method_class(made.quant_method)(made, pre_quantized=True)
    expected = {path for path, each in tiny().named_modules() if isinstance(each, torch.nn.Linear)} - {"lm_head"}
    found = set(method.to_replace(model))
    assert found - {"lm_head"} in (expected, set())
    assert time.process_time() - start < 5


def test_where_nothing_is_quantized(recwarn: pytest.WarningsRecorder) -> None:
    for settings in (
        BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=["model", "lm_head"]),
        HqqConfig(dynamic_config={"absent": {"nbits": 4}}),
    ):
        model = tiny().quantize(settings)
        assert not any(isinstance(each, QuantizedLinear) for each in model.modules())
        assert (model.is_quantized, model.quantization_method, model.hf_quantizer) == (False, None, None)
        assert model.config.get("quantization_config") is None
        assert model.half().dtype == torch.float16
    assert any("no layer in few bits" in str(each.message) for each in recwarn)


def test_casts_of_a_quantized_model_and_its_backbone() -> None:
    model = tiny().quantize(BitsAndBytesConfig(load_in_8bit=True))
    for part in (model, model.model):
        for call in (part.half, part.double, part.bfloat16, lambda part=part: part.to(torch.float16)):
            with pytest.raises(InputError, match="no other dtype"):
                call()
        for kind in (torch.float16, "torch.HalfTensor"):
            with pytest.raises(InputError, match=r"type\(.*no other dtype"):
                part.type(kind)
        assert part.to("cpu") is part
    assert {each.dtype for each in model.parameters()} == {torch.float32}


def test_numbers_have_a_floating_dtype() -> None:
    for dtype in (torch.int8, 5, "int8", True):
        with pytest.raises(InputError, match="dtype"):
            tiny().quantize(BitsAndBytesConfig(load_in_8bit=True)).dequantize(dtype)
    numbers = tiny().quantize(BitsAndBytesConfig(load_in_8bit=True)).dequantize("bfloat16")
    assert numbers.model.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16


def test_weights_that_are_no_numbers_in_4_bits() -> None:
    settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = tiny()
    model.get_submodule("model.layers.0.mlp.down_proj").weight.data[3, 5] = torch.nan
    with torch.no_grad():
        assert model.quantize(settings)(IDS).logits.isnan().any()


def test_a_model_that_was_opened_in_16_bits_is_quantized(tmp_path: Path) -> None:
    """Its dense layers have a class of their own on a CPU."""
    tiny().to(torch.bfloat16).save_pretrained(tmp_path)
    model = LlamaForCausalLM.from_pretrained(tmp_path).quantize(BitsAndBytesConfig(load_in_8bit=True))
    assert isinstance(model.model.layers[0].mlp.up_proj, QuantizedLinear)
    opened = LlamaForCausalLM.from_pretrained(tmp_path, load_in_8bit=True)
    with torch.no_grad():
        assert torch.equal(model(IDS).logits, opened(IDS).logits)
