"""gpt-oss as it is published, its experts in floats of 4 bits, against the published library, which reads numbers too."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bestiary import GptOssConfig, GptOssForCausalLM, Mxfp4Config
from bestiary.core.errors import BestiaryError, ConfigError
from bestiary.core.logging import BestiaryWarning

IDS = torch.tensor([[1, 5, 2, 7, 3]])


def packed(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Random codes and scales of the shape of a weight (E, I, O)."""
    experts, inner, rows = weight.shape
    blocks = torch.randint(0, 256, (experts, rows, inner // 32, 16), dtype=torch.uint8)
    scales = torch.randint(115, 123, (experts, rows, inner // 32), dtype=torch.uint8)
    return {f"{name}_blocks": blocks, f"{name}_scales": scales}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = GptOssConfig(
        hidden_size=64,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        num_local_experts=6,
        num_experts_per_tok=2,
        vocab_size=100,
    )
    GptOssForCausalLM(config).save_pretrained(tmp_path)
    state: dict[str, Tensor] = {}
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        state |= packed(name, tensor) if name.endswith((".gate_up_proj", ".down_proj")) else {name: tensor}
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    table = json.loads((tmp_path / "config.json").read_text())
    table["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
    (tmp_path / "config.json").write_text(json.dumps(table))
    return tmp_path


def test_experts_are_those_of_the_published_library(folder: Path) -> None:
    from transformers import GptOssForCausalLM as Published
    from transformers import Mxfp4Config as PublishedSettings

    theirs = Published.from_pretrained(folder, quantization_config=PublishedSettings(dequantize=True), dtype=torch.float32)
    with pytest.warns(BestiaryWarning, match="only how to compute"):
        ours = GptOssForCausalLM.from_pretrained(folder, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.float32)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name].float(), tensor.float()), name
    with torch.no_grad():
        torch.testing.assert_close(ours(IDS).logits, theirs.float()(IDS).logits, rtol=1e-5, atol=1e-5)
    assert not ours.is_quantized
    assert "quantization_config" not in ours.config.to_dict()


def test_each_number_is_that_of_its_bits(folder: Path) -> None:
    with pytest.warns(BestiaryWarning, match="four times the memory"):
        model = GptOssForCausalLM.from_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.experts.down_proj"
    for expert, column, row in ((0, 0, 0), (3, 17, 5), (5, 31, 63)):
        byte = int(state[f"{name}_blocks"][expert, row, column // 32, column % 32 // 2])
        code = byte >> 4 if column % 2 else byte & 15
        exponent, fraction = code >> 1 & 3, code & 1
        size = (1 + fraction / 2) * 2.0 ** (exponent - 1) if exponent else fraction / 2
        value = (-size if code >> 3 else size) * 2.0 ** (int(state[f"{name}_scales"][expert, row, column // 32]) - 127)
        assert float(model.model.layers[1].mlp.experts.down_proj.detach()[expert, column, row]) == value


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_files_that_cannot_be(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.experts.down_proj"
    for change, words in (
        ({f"{name}_scales": state[f"{name}_scales"][:, :-1]}, "expected \\(experts, rows, groups, 16\\)"),
        ({f"{name}_scales": torch.full_like(state[f"{name}_scales"], 255)}, "stands for no number"),
        ({f"{name}_blocks": state[f"{name}_blocks"].to(torch.int8)}, "expected torch.uint8"),
        ({f"{name}_scales": None}, "and no "),
    ):
        changed = {key: each.contiguous() for key, each in {**state, **change}.items() if each is not None}
        save_file(changed, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(BestiaryError, match=words):
            GptOssForCausalLM.from_pretrained(folder)


def test_numbers_are_not_put_into_4_bits(folder: Path, tmp_path: Path) -> None:
    config = GptOssConfig.from_pretrained(folder)
    vars(config).pop("quantization_config")
    GptOssForCausalLM(config).save_pretrained(tmp_path / "numbers")
    with pytest.raises(ConfigError, match="in 4 bits already"):
        GptOssForCausalLM.from_pretrained(tmp_path / "numbers", quantization_config=Mxfp4Config())
