"""torchao's settings: made, tried and refused early; weights, files and tables as the published library has them."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from bestiary import LlamaConfig, LlamaForCausalLM, TorchAoConfig
from bestiary.core.errors import ArgumentError, ConfigError, LoadError, MissingDependency
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.config import AutoQuantizationConfig

IDS = torch.tensor([[1, 5, 2, 7, 3]])
with_torchao = pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="torchao is not installed")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    LlamaForCausalLM(LlamaConfig(**shape)).save_pretrained(folder)
    return folder


@pytest.mark.skipif(importlib.util.find_spec("torchao") is not None, reason="torchao is installed")
def test_torchao_is_missing(llama: Path, tmp_path: Path) -> None:
    for make in (lambda: TorchAoConfig("int8_weight_only"), lambda: TorchAoConfig(object())):
        with pytest.raises(MissingDependency, match="torchao"):
            make()
    table = json.loads((llama / "config.json").read_text())
    table["quantization_config"] = {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}}
    (tmp_path / "config.json").write_text(json.dumps(table))
    with pytest.raises(MissingDependency, match="pip install torchao"):
        LlamaForCausalLM.from_pretrained(tmp_path)  # there are no weights to be read


def test_names_that_are_none() -> None:
    with pytest.raises(ConfigError, match="Int8WeightOnlyConfig"):
        TorchAoConfig("int9_weight_only")


def kinds() -> list[Any]:
    from torchao.quantization import Float8WeightOnlyConfig, Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

    return [Int8WeightOnlyConfig(), Int8DynamicActivationInt8WeightConfig(), Float8WeightOnlyConfig()]


@with_torchao
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
class TestThePackage:
    @pytest.mark.parametrize("index", range(3))
    def test_opened_saved_and_opened_by_the_published_library(self, index: int, llama: Path, tmp_path: Path) -> None:
        from transformers import LlamaForCausalLM as Published
        from transformers import TorchAoConfig as PublishedSettings

        settings = kinds()[index]
        close = {"rtol": 0, "atol": 0.02 if index == 1 else 1e-5}  # inputs a hair apart may round to neighbours
        ours = LlamaForCausalLM.from_pretrained(llama, quantization_config=TorchAoConfig(settings))
        theirs = Published.from_pretrained(llama, quantization_config=PublishedSettings(settings), dtype=torch.float32)
        assert sum(isinstance(each, QuantizedLinear) for each in ours.modules()) == 14
        with torch.no_grad():
            logits = ours(IDS).logits
            torch.testing.assert_close(logits, theirs(IDS).logits, **close)
            ours.save_pretrained(tmp_path / "ours")
            theirs.save_pretrained(tmp_path / "theirs")
            assert torch.equal(LlamaForCausalLM.from_pretrained(tmp_path / "ours")(IDS).logits, logits)
            torch.testing.assert_close(LlamaForCausalLM.from_pretrained(tmp_path / "theirs")(IDS).logits, logits, **close)
            torch.testing.assert_close(Published.from_pretrained(tmp_path / "ours")(IDS).logits, logits, **close)
            torch.testing.assert_close(ours.dequantize()(IDS).logits, logits, rtol=0, atol=0.05)
        files = [tmp_path / name / "model.safetensors" for name in ("ours", "theirs")]
        mine, expected = (load_file(file) for file in files)
        assert mine.keys() == expected.keys()
        assert all(torch.equal(mine[name].float(), tensor.float()) for name, tensor in expected.items())
        headers = [safe_open(file, "pt").metadata() for file in files]
        named = [{key: json.loads(text) for key, text in each.items() if key.endswith(".weight")} for each in headers]
        assert {key for key, text in named[0].items() if text["_type"] != "Tensor"}
        assert {key: text["_type"] for key, text in named[0].items()} == {key: text["_type"] for key, text in named[1].items()}

    def test_tables_are_the_published_ones(self) -> None:
        from transformers import TorchAoConfig as Published

        for settings in kinds():
            for others in ({}, {"modules_to_not_convert": ["a"], "untie_embedding_weights": True}):
                ours, theirs = TorchAoConfig(settings, **others), Published(settings, **others)
                assert ours.to_dict() == json.loads(json.dumps(theirs.to_dict()))
                assert ours.to_diff_dict() == json.loads(json.dumps(theirs.to_diff_dict()))
                assert AutoQuantizationConfig.from_dict(ours.to_dict()).quant_type == settings

    def test_older_names(self) -> None:
        from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

        assert TorchAoConfig("int8_weight_only").quant_type == Int8WeightOnlyConfig()
        assert TorchAoConfig("int4_weight_only", group_size=32).quant_type == Int4WeightOnlyConfig(group_size=32)
        table = {"quant_method": "torchao", "quant_type": "int4_weight_only", "quant_type_kwargs": {"group_size": 64}}
        assert AutoQuantizationConfig.from_dict(table).quant_type.group_size == 64
        with pytest.raises(ArgumentError, match="cannot be made"):
            TorchAoConfig("int4_weight_only", groups=32)
        with pytest.raises(ArgumentError, match="no keywords"):
            TorchAoConfig(Int8WeightOnlyConfig(), group_size=32)
        with pytest.raises(ConfigError, match="expected settings of torchao"):
            TorchAoConfig(8)

    def test_each_module_its_own(self, llama: Path) -> None:
        from torchao.quantization import Float8WeightOnlyConfig, FqnToConfig, Int8WeightOnlyConfig

        table = {
            "model.layers.0.mlp.up_proj": None,
            "re:.*self_attn.*": Float8WeightOnlyConfig(),
            "_default": Int8WeightOnlyConfig(),
        }
        model = LlamaForCausalLM.from_pretrained(llama, quantization_config=TorchAoConfig(FqnToConfig(table)))
        layer = model.model.layers[0]
        assert type(layer.mlp.up_proj) is nn.Linear
        assert type(layer.self_attn.q_proj.tensor).__name__ == "Float8Tensor"
        assert type(layer.mlp.down_proj.tensor).__name__ == "Int8Tensor"

    def test_what_cannot_be(self, llama: Path) -> None:
        from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, Int8WeightOnlyConfig

        cases = [(TorchAoConfig(Int8WeightOnlyConfig(), include_input_output_embeddings=True), "embeddings")]
        if not torch.cuda.is_available():
            cases += [(TorchAoConfig(Float8DynamicActivationFloat8WeightConfig()), "cannot use Float8Dynamic.* on cpu")]
        for settings, words in cases:
            with pytest.raises(ConfigError, match=words):
                LlamaForCausalLM.from_pretrained(llama, quantization_config=settings)

    def test_a_file_whose_header_is_gone(self, llama: Path, tmp_path: Path) -> None:
        LlamaForCausalLM.from_pretrained(llama, quantization_config=TorchAoConfig("int8_weight_only")).save_pretrained(tmp_path)
        state = load_file(tmp_path / "model.safetensors")
        save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(LoadError, match="says nothing about the tensor"):
            LlamaForCausalLM.from_pretrained(tmp_path)
