"""What a model in few bits does, whichever method it is in: a further method adds a line to `METHODS`."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

from bestiary import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Trainer
from bestiary.core.errors import BestiaryError, InputError
from bestiary.nn.conv import Conv1D
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.methods.bitsandbytes import BitsAndBytesConfig
from bestiary.quantization.methods.fbgemm_fp8 import FbgemmFp8Config
from bestiary.quantization.methods.fp8 import FineGrainedFP8Config
from bestiary.quantization.methods.gptq import GPTQConfig
from bestiary.quantization.methods.hqq import HqqConfig
from bestiary.quantization.methods.quanto import QuantoConfig

IDS = torch.tensor([[1, 5, 2, 7, 3], [9, 9, 40, 0, 77]])
ROWS = [torch.arange(start, start + 60).remainder(100).tolist() for start in range(0, 100, 7)]


class Method(NamedTuple):
    """How a method is tried.

    settings: what models are opened with, to be quantized by it. away: standard deviation of logits' differences from those
    of the model in numbers, to theirs; at least a fortieth of it is reached. close: the largest difference of a logit (they are
    about 0.2) from that of `dequantize()`. small: bytes of the quantized layers, as they are held and as they are in files, per
    byte of numbers in fp32.
    """

    settings: Callable[[], Any]
    away: float
    close: float = 1e-5
    small: float = 0.3


METHODS = {
    # Inputs are in 8 bits too.
    "bitsandbytes, 8 bits": Method(lambda: BitsAndBytesConfig(load_in_8bit=True), away=0.015, close=0.02),
    "bitsandbytes, nf4": Method(lambda: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"), away=0.2),
    "bitsandbytes, fp4": Method(
        lambda: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_use_double_quant=True), away=0.3, small=0.2
    ),
    "bitsandbytes, int4": Method(lambda: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="int4"), away=0.2),
    "fp8, blocks": Method(lambda: FineGrainedFP8Config(weight_block_size=(32, 32)), away=0.06),
    "fp8, rows": Method(FbgemmFp8Config, away=0.06),
    "quanto, int8": Method(QuantoConfig, away=0.014),
    "quanto, float8": Method(lambda: QuantoConfig(weights="float8"), away=0.06),
    "quanto, int4": Method(lambda: QuantoConfig(weights="int4"), away=0.2, small=0.2),
    "quanto, int2": Method(lambda: QuantoConfig(weights="int2"), away=1.0, small=0.13),
    "gptq": Method(lambda: GPTQConfig(bits=4, group_size=32, dataset=ROWS), away=0.2, small=0.2),
    "gptq, 8 bits, by activation": Method(
        lambda: GPTQConfig(bits=8, group_size=-1, desc_act=True, sym=False, dataset=ROWS), away=0.02, small=0.35
    ),
    "gptq, 3 bits": Method(lambda: GPTQConfig(bits=3, group_size=32, sym=False, dataset=ROWS), away=0.4, small=0.25),
    "hqq": Method(lambda: HqqConfig(nbits=4, group_size=64), away=0.2, small=0.2),
    "hqq, 3 bits, axis 0": Method(lambda: HqqConfig(nbits=3, group_size=32, axis=0), away=0.4, small=0.2),
    "hqq, 8 bits": Method(lambda: HqqConfig(nbits=8, group_size=64), away=0.02, small=0.35),
}

Tables = dict[str, torch.Tensor]


def llama() -> Any:
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=100,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def llama_with_biases() -> Any:
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=100,
        tie_word_embeddings=False,
        attention_bias=True,
        mlp_bias=True,
    )
    model = LlamaForCausalLM(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def gpt2() -> Any:
    """Dense layers that keep their weight as (in, out)."""
    return GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=100))


MODELS = {"llama": llama, "llama_with_biases": llama_with_biases, "gpt2": gpt2}


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in numbers."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    MODELS[request.param]().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


@pytest.fixture(scope="module")
def model(folder: Path, method: Method) -> Any:
    """The checkpoint, quantized while it was opened. Tests leave it as it is."""
    return AutoModelForCausalLM.from_pretrained(folder, quantization_config=method.settings())


def layers(model: Any) -> dict[str, QuantizedLinear]:
    return {path: each for path, each in model.named_modules() if isinstance(each, QuantizedLinear)}


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model(IDS).logits
    return result


def assert_same(found: Tables, expected: Tables) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def test_computes_nearly_as_in_numbers(model: Any, folder: Path, method: Method) -> None:
    numbers = AutoModelForCausalLM.from_pretrained(folder)
    assert not layers(numbers)
    found = layers(model)
    assert found.keys() == {path for path in _dense(numbers) if not path.startswith("lm_head")}
    assert all(each.is_filled for each in found.values())
    assert model.is_quantized
    assert model.quantization_method.value == method.settings().quant_method.value
    away = ((logits(model) - logits(numbers)).std() / logits(numbers).std()).item()
    assert method.away / 40 < away < method.away


def _dense(model: Any) -> list[str]:
    kinds = (torch.nn.Linear, Conv1D)
    modules = model.named_modules()
    return [path for path, each in modules if isinstance(each, kinds) and not isinstance(each, QuantizedLinear)]


def test_is_small(model: Any, folder: Path, method: Method) -> None:
    numbers = AutoModelForCausalLM.from_pretrained(folder)
    full = sum(numbers.get_submodule(path).weight.nbytes for path in layers(model))
    rest = numbers.get_memory_footprint() - full
    assert (model.get_memory_footprint() - rest) / full < method.small
    stored = sum(tensor.nbytes for each in layers(model).values() for tensor in each.stored().values())
    assert stored / full < method.small


def test_saved_and_opened_again(model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "first")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "first")
    assert torch.equal(logits(again), logits(model))
    assert layers(again).keys() == layers(model).keys()
    assert_same(again.state_dict(), model.state_dict())
    assert again.config.quantization_config.to_dict() == model.config.quantization_config.to_dict()
    again.save_pretrained(tmp_path / "second")
    assert_same(load_file(tmp_path / "second/model.safetensors"), load_file(tmp_path / "first/model.safetensors"))
    assert (tmp_path / "second/config.json").read_bytes() == (tmp_path / "first/config.json").read_bytes()


def test_opened_in_16_bits_from_its_files(model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "first")
    half = AutoModelForCausalLM.from_pretrained(tmp_path / "first", dtype=torch.bfloat16)
    assert logits(half).dtype == torch.bfloat16
    torch.testing.assert_close(logits(half).float(), logits(model), atol=0.02, rtol=0)
    for path, layer in layers(half).items():
        assert_same(layer.stored(), layers(model)[path].stored())


def test_a_state_dict_fills_another_model(model: Any, folder: Path, method: Method) -> None:
    other = _another(folder, method)
    assert not torch.equal(logits(other), logits(model))
    other.load_state_dict(model.state_dict())
    assert torch.equal(logits(other), logits(model))


def _another(folder: Path, method: Method) -> Any:
    """A quantized model of other numbers."""
    torch.manual_seed(1)
    other = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.02)
    return other.quantize(method.settings())


def test_given_back_as_numbers(model: Any) -> None:
    numbers = copy.deepcopy(model).dequantize()
    assert not layers(numbers)
    assert not numbers.is_quantized
    assert len(_dense(numbers)) == len(_dense(model)) + len(layers(model))
    assert not hasattr(numbers.config, "quantization_config")
    numbers.to(torch.float64).to(torch.float32)


def test_computes_with_the_numbers_it_gives_back(model: Any, method: Method) -> None:
    numbers = copy.deepcopy(model).dequantize()
    torch.testing.assert_close(logits(numbers), logits(model), atol=method.close, rtol=0)


def test_a_copy_is_another_model(model: Any, folder: Path, method: Method) -> None:
    before = logits(model)
    other = copy.deepcopy(model)
    assert torch.equal(logits(other), before)
    assert other.get_memory_footprint() == model.get_memory_footprint()
    other.load_state_dict(_another(folder, method).state_dict())
    assert torch.equal(logits(model), before)
    assert not torch.equal(logits(other), before)


def test_the_embedding_that_the_head_shares_stays(model: Any) -> None:
    shared = model.lm_head.weight is model.get_input_embeddings().weight
    assert shared == model.config.tie_word_embeddings
    assert model.get_input_embeddings().weight.dtype == torch.float32


def test_named_modules_stay_as_they_are(folder: Path, method: Method) -> None:
    settings = method.settings()
    kept = (
        "c_proj" if (first := _dense(AutoModelForCausalLM.from_pretrained(folder)))[0].startswith("transformer") else "o_proj"
    )
    setattr(settings, settings.skips_field, [kept, "lm_head"])
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings)
    assert layers(model).keys() == {path for path in first if not path.endswith(kept) and path != "lm_head"}


def test_gradients_reach_what_is_in_numbers(model: Any) -> None:
    other = copy.deepcopy(model)
    other(IDS, labels=IDS).loss.backward()
    numbers = copy.deepcopy(model).dequantize()
    numbers(IDS, labels=IDS).loss.backward()
    expected = {name: each.grad for name, each in numbers.named_parameters()}
    for name, parameter in other.named_parameters():
        if parameter.requires_grad:
            assert torch.nn.functional.cosine_similarity(parameter.grad.flatten(), expected[name].flatten(), 0) > 0.99, name


def test_what_is_refused(model: Any, method: Method, tmp_path: Path) -> None:
    for call in (lambda: model.to(torch.float16), model.half, model.float, model.bfloat16, model.double):
        with pytest.raises(InputError, match="no other dtype"):
            call()
    with pytest.raises(InputError, match="quantized already"):
        model.quantize(method.settings())
    with pytest.raises(InputError, match="adapter"):
        Trainer(model, train_dataset=[{"input_ids": IDS[0], "labels": IDS[0]}])
    model.save_pretrained(tmp_path)
    with pytest.raises(BestiaryError, match="disk"):
        AutoModelForCausalLM.from_pretrained(tmp_path, device_map={"": "disk"}, offload_folder=tmp_path / "away")
