"""Models that are quantized while they are opened, kept in few bits, saved, opened again, and given back as numbers."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bestiary import AutoModelForCausalLM, EetqConfig, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, QuantoConfig
from bestiary.core.errors import ArgumentError, ConfigError, InputError, LoadError
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.methods.bitsandbytes import BitsAndBytesConfig

IDS = torch.tensor([[1, 5, 2, 7, 3]])


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=100,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=100)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_opened_in_8_bits_saved_and_opened_again(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = request.getfixturevalue(name)
    numbers = AutoModelForCausalLM.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, load_in_8bit=True)
    layers = [each for each in model.modules() if isinstance(each, QuantizedLinear)]
    assert layers
    assert all(each.is_filled for each in layers)
    assert model.is_quantized
    assert model.is_loaded_in_8bit
    assert not model.is_loaded_in_4bit
    assert model.lm_head.weight is model.get_input_embeddings().weight
    with torch.no_grad():
        logits = model(IDS).logits
        torch.testing.assert_close(logits, numbers(IDS).logits, atol=0.02, rtol=0)
        model.save_pretrained(tmp_path)
        again = AutoModelForCausalLM.from_pretrained(tmp_path)
        assert torch.equal(again(IDS).logits, logits)
        assert again.config.quantization_config.to_dict() == model.config.quantization_config.to_dict()
        assert {k: v.dtype for k, v in again.state_dict().items()} == {k: v.dtype for k, v in model.state_dict().items()}
        numbers.quantize(BitsAndBytesConfig(load_in_8bit=True))
        assert torch.equal(numbers(IDS).logits, logits)
        dequantized = numbers.dequantize()
        assert not any(isinstance(each, QuantizedLinear) for each in dequantized.modules())
        assert not dequantized.is_quantized
        torch.testing.assert_close(dequantized(IDS).logits, logits, atol=0.02, rtol=0)  # whose inputs are in 8 bits too


def test_a_head_in_8_bits_beside_the_embedding_that_it_shared(llama: Path, tmp_path: Path) -> None:
    settings = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=[])
    model = LlamaForCausalLM.from_pretrained(llama, quantization_config=settings)
    assert isinstance(model.lm_head, QuantizedLinear)
    assert model.get_input_embeddings().weight.dtype == torch.float32
    model.save_pretrained(tmp_path)
    again = LlamaForCausalLM.from_pretrained(tmp_path)
    assert isinstance(again.lm_head, QuantizedLinear)
    with torch.no_grad():
        assert torch.equal(again(IDS).logits, model(IDS).logits)


def test_a_state_dict_goes_from_model_to_model(llama: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True)
    other = LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True)
    with torch.no_grad():
        other.model.layers[0].self_attn.q_proj.SCB.mul_(2)
        other.load_state_dict(model.state_dict())
        assert torch.equal(other(IDS).logits, model(IDS).logits)


def test_what_cannot_be(llama: Path, tmp_path: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True)
    for call in (lambda: model.to(torch.float16), model.half, model.float, model.bfloat16, model.double):
        with pytest.raises(InputError, match="no other dtype"):
            call()
    with pytest.raises(InputError, match="quantized already"):
        model.quantize(BitsAndBytesConfig(load_in_8bit=True))
    with pytest.raises(ArgumentError, match="pass one of them"):
        LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True, quantization_config=BitsAndBytesConfig(load_in_8bit=True))
    with pytest.raises(ConfigError, match="choose one"):
        LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True, load_in_4bit=True)
    with pytest.raises(ConfigError, match="no method that is known"):
        LlamaForCausalLM.from_pretrained(llama, quantization_config={"quant_method": "bits"})
    with pytest.raises(InputError, match="no quantized layers"):
        LlamaForCausalLM.from_pretrained(llama).dequantize()


def test_a_weight_that_is_assigned_is_quantized(llama: Path) -> None:
    layer = LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True).get_submodule("model.layers.0.self_attn.q_proj")
    layer.weight = torch.nn.Parameter(torch.zeros(64, 64))
    assert not layer(torch.ones(1, 64)).any()
    assert not layer.state_dict()["weight"].any()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scales_in_files_are_finite(value: float, llama: Path, tmp_path: Path) -> None:
    LlamaForCausalLM.from_pretrained(llama, load_in_8bit=True).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["model.layers.0.self_attn.q_proj.SCB"][3] = value
    save_file(tensors, file)
    with pytest.raises(LoadError, match="SCB holds 1 scales that are not finite"):
        LlamaForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("settings", [QuantoConfig(weights="int8"), EetqConfig(), BitsAndBytesConfig(load_in_8bit=True)])
def test_what_is_no_number_stays_none(settings: object, llama: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama)
    model.get_submodule("model.layers.0.mlp.down_proj").weight.data[3, 5] = torch.nan
    with torch.no_grad():
        assert model.quantize(settings)(IDS).logits.isnan().any()
