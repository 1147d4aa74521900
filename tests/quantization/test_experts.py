"""Experts in few bits: their files, the published library's and ours, and how they are left as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import every_head, one_each, pair, seed

from bestiary import BitsAndBytesConfig, MixtralConfig, MixtralForCausalLM
from bestiary.nn.quantized_stack import QuantizedStack

IDS = torch.tensor([[1, 5, 2, 7, 3]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixtral")
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    MixtralForCausalLM(MixtralConfig(vocab_size=100, num_local_experts=4, num_key_value_heads=2, **sizes)).save_pretrained(
        folder
    )
    return folder


@torch.no_grad()
def logits(model: MixtralForCausalLM, ids: torch.Tensor = IDS) -> torch.Tensor:
    return model(ids).logits


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_each_expert_is_quantized(base: Path, bits: str, tmp_path: Path) -> None:
    model = MixtralForCausalLM.from_pretrained(base, quantization_config=BitsAndBytesConfig(**{f"load_in_{bits}": True}))
    plain = MixtralForCausalLM.from_pretrained(base)
    experts = model.model.layers[0].mlp.experts
    assert isinstance(experts.gate_up_proj, QuantizedStack)
    assert experts.gate_up_proj.shape == plain.model.layers[0].mlp.experts.gate_up_proj.shape
    assert model.num_parameters() == plain.num_parameters()
    assert model.get_memory_footprint() < 0.4 * plain.get_memory_footprint()
    one = logits(model, IDS[:, :1])  # a single token goes another way
    torch.testing.assert_close(logits(model)[:, :1], one, atol=2e-2, rtol=0)
    for mixture in (model, plain):
        mixture.train()(IDS, labels=IDS).loss.backward()
        mixture.eval()
    model.save_pretrained(tmp_path)
    again = MixtralForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(logits(again), logits(model))
    assert again.config.quantization_config.quant_method == "bitsandbytes_all"
    assert again.quantization_method == "bitsandbytes"
    numbers = again.dequantize()
    assert numbers.model.layers[0].mlp.experts.gate_up_proj.shape == experts.gate_up_proj.shape
    rounding = (logits(numbers) - logits(model)).std() / logits(plain).std()
    assert rounding < (0.1 if bits == "8bit" else 1e-4)
    numbers.save_pretrained(tmp_path / "numbers")
    assert torch.equal(logits(MixtralForCausalLM.from_pretrained(tmp_path / "numbers")), logits(numbers))


def test_the_published_library_refuses_the_files_by_name(base: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    MixtralForCausalLM.from_pretrained(base, load_in_4bit=True).save_pretrained(tmp_path)
    with pytest.raises(AttributeError, match="bitsandbytes_all"):
        transformers.MixtralForCausalLM.from_pretrained(tmp_path)


def test_experts_that_stay_as_they_are(base: Path, tmp_path: Path) -> None:
    settings = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=["experts", "lm_head"])
    model = MixtralForCausalLM.from_pretrained(base, quantization_config=settings)
    assert not any(isinstance(module, QuantizedStack) for module in model.modules())
    model.save_pretrained(tmp_path)
    again = MixtralForCausalLM.from_pretrained(tmp_path)
    assert again.config.quantization_config.quant_method == "bitsandbytes"
    assert torch.equal(logits(again), logits(model))


def test_files_of_the_published_library(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    transformers = pytest.importorskip("transformers")
    published = transformers.MixtralForCausalLM.from_pretrained(
        base, quantization_config=transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    )
    published.save_pretrained(tmp_path)
    model = MixtralForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(model), published.train()(IDS).logits.detach(), atol=1e-4, rtol=1e-4)


EXPERTS = [
    ("dbrx", "transformer.blocks.0.ffn.experts.mlp", ["w1", "v1", "w2"]),
    ("jetmoe", "model.layers.0.mlp.input_linear", ["weight"]),
]


@pytest.mark.parametrize("settings", [{"load_in_8bit": True}, {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}])
@pytest.mark.parametrize(("family", "path", "names"), EXPERTS)
def test_experts_of_other_forms(family: str, path: str, names: list[str], settings: dict[str, Any], tmp_path: Path) -> None:
    """DBRX has the matrices of all experts one under another, JetMoE experts of attention too."""
    models = pair(*next(row for row in one_each(every_head()) if row[0] == family))
    model = type(models.ours).from_pretrained(models.folder, quantization_config=BitsAndBytesConfig(**settings))
    plain = type(models.ours).from_pretrained(models.folder)
    for name in names:
        stack, weight = model.get_submodule(f"{path}.{name}"), plain.get_parameter(f"{path}.{name}")
        assert isinstance(stack, QuantizedStack)
        assert stack.shape == weight.shape
        away = (stack.numbers() - weight).detach()
        assert 0 < away.std() < (0.02 if "load_in_8bit" in settings else 0.2) * weight.std()
    assert model.num_parameters() == plain.num_parameters()
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(again(**models.inputs).logits, model(**models.inputs).logits)
        numbers = again.dequantize()
        away = numbers(**models.inputs).logits - model(**models.inputs).logits
    assert away.std() < (0.1 if "load_in_8bit" in settings else 1e-4) * model(**models.inputs).logits.std()
    numbers.save_pretrained(tmp_path / "numbers")
    assert type(model).from_pretrained(tmp_path / "numbers").get_parameter(f"{path}.{names[0]}").shape == weight.shape


RENAMED = ["dbrx", "jetmoe", "switch_transformers", "nllb_moe", "big_bird", "nemotron_h"]


@pytest.mark.parametrize("family", RENAMED)
def test_files_of_the_published_library_whose_layers_are_others_here(family: str, tmp_path: Path) -> None:
    """What no layer in few bits stands for here, routers above all, is read as the numbers that its codes say."""
    pytest.importorskip("bitsandbytes")
    transformers = pytest.importorskip("transformers")
    models = pair(*next(row for row in one_each(every_head()) if row[0] == family))
    name = type(models.ours).__name__
    settings = transformers.BitsAndBytesConfig(load_in_8bit=True)
    published = getattr(transformers, name).from_pretrained(models.folder, quantization_config=settings)
    published.save_pretrained(tmp_path)
    model = type(models.ours).from_pretrained(tmp_path)
    assert model.is_quantized
    with torch.no_grad():
        seed(0)
        expected = published(**models.inputs).logits
        seed(0)
        assert (model(**models.inputs).logits - expected).std() < 0.03 * expected.std()


def test_layers_of_a_class_of_their_own(tmp_path: Path) -> None:
    """The published library leaves Falcon's as numbers: it would read codes of 8 bits for such."""
    models = pair(*next(row for row in one_each(every_head()) if row[0] == "falcon"))
    model = type(models.ours).from_pretrained(models.folder, load_in_8bit=True)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.config.quantization_config.quant_method == "bitsandbytes_all"
    with torch.no_grad():
        assert torch.equal(again(**models.inputs).logits, model(**models.inputs).logits)
