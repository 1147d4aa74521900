"""Weights of 8 bits and fewer with scales: FP8 of blocks and rows, EETQ, quanto, BitNet, against formulas of their papers."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bestiary import (
    BitNetQuantConfig,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    EetqConfig,
    FbgemmFp8Config,
    FineGrainedFP8Config,
    LlamaConfig,
    LlamaForCausalLM,
    QuantoConfig,
)
from bestiary.core.errors import ConfigError, CorruptFile, LoadError
from bestiary.core.logging import BestiaryWarning
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.config import method_class

IDS = torch.tensor([[1, 5, 2, 7, 3]])
SMALL = FineGrainedFP8Config(weight_block_size=(48, 32))
SETTINGS = [
    SMALL,
    FineGrainedFP8Config(weight_block_size=None),
    FineGrainedFP8Config(weight_block_size=(32, 32), scale_fmt="ue8m0"),
    FbgemmFp8Config(),
    EetqConfig(),
    *(QuantoConfig(weights=weights) for weights in ("int8", "int4", "int2", "float8")),
]
IDS_OF_SETTINGS = ["blocks", "one", "powers", "rows", "eetq", "int8", "int4", "int2", "float8"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, vocab_size=100, attention_bias=True
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def layer_of(settings: Any, weight: Tensor) -> QuantizedLinear:
    dense = nn.Linear(weight.shape[1], weight.shape[0])
    layer: QuantizedLinear = method_class(settings.quant_method)(settings).make("layer", dense)
    layer.fill(weight)
    return layer


def weight_with_corners() -> Tensor:
    """(40, 160), with rows of zeros, of one number, of positive numbers, and very small and large ones."""
    torch.manual_seed(1)
    weight = torch.randn(40, 160)
    weight[3] = 0
    weight[4] = 0.5
    weight[5] = weight[5].abs() + 1
    weight[6] *= 1e-6
    weight[7] *= 1e4
    return weight


def by_numbers(settings: Any, weight: Tensor) -> Tensor:
    """What the layer should compute with, number by number or group by group."""
    name = settings.quant_method.value
    result = torch.empty_like(weight)
    rows, columns = weight.shape
    if name == "fp8":
        size = settings.weight_block_size or weight.shape
        groups = [
            (slice(r, r + size[0]), slice(c, c + size[1])) for r in range(0, rows, size[0]) for c in range(0, columns, size[1])
        ]
    elif name == "quanto" and settings.weights in ("int4", "int2"):
        groups = [(slice(r, r + 1), slice(c, c + 32)) for r in range(rows) for c in range(0, columns, 32)]
    else:
        groups = [(slice(r, r + 1), slice(None)) for r in range(rows)]
    for at in groups:
        part = weight[at].double()
        top = part.abs().max()
        if name == "quanto" and settings.weights in ("int4", "int2"):
            least, steps = part.min(), 2 ** (4 if settings.weights == "int4" else 2) - 1
            scale = (part.max() - least) / steps
            result[at] = ((part - least) / scale).round() * scale + least if scale > 0 else part
        elif top == 0:
            result[at] = 0
        elif name == "eetq" or (name == "quanto" and settings.weights == "int8"):
            result[at] = (part / (top / 127)).round() * (top / 127)
        else:
            scale = (top / 448).float()
            if getattr(settings, "scale_fmt", "") == "ue8m0":
                scale = 2 ** scale.log2().ceil()
            result[at] = (weight[at] / scale).to(torch.float8_e4m3fn).float() * scale
    return result


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS_OF_SETTINGS)
def test_numbers_are_those_of_the_formula(settings: Any) -> None:
    weight = weight_with_corners()
    layer = layer_of(settings, weight)
    expected = by_numbers(settings, weight)
    torch.testing.assert_close(layer.dequantize(), expected, rtol=1e-5, atol=1e-6)
    x = torch.randn(3, 160)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, expected, layer.bias), rtol=1e-4, atol=2e-2)
    half = layer_of(settings, torch.randn(40, 160))
    half.bias = None
    for dtype, close in ((torch.float16, 0.02), (torch.bfloat16, 0.3)):
        assert half(x.to(dtype)).dtype == dtype
        torch.testing.assert_close(half(x.to(dtype)).float(), half(x), rtol=0, atol=close)


@pytest.mark.parametrize("settings", [each for each in SETTINGS if not isinstance(each, EetqConfig)], ids=str)
def test_saved_and_opened_again(settings: Any, llama: Path, tmp_path: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama, quantization_config=settings)
    assert sum(isinstance(each, QuantizedLinear) for each in model.modules()) == 14
    numbers = LlamaForCausalLM.from_pretrained(llama)
    with torch.no_grad():
        logits = model(IDS).logits
        close = {"int2": 0.5, "int4": 0.12}.get(getattr(settings, "weights", ""), 0.05)
        torch.testing.assert_close(logits, numbers(IDS).logits, atol=close, rtol=0)
        model.save_pretrained(tmp_path)
        again = LlamaForCausalLM.from_pretrained(tmp_path)
        assert torch.equal(again(IDS).logits, logits)
        torch.testing.assert_close(again.dequantize()(IDS).logits, logits, atol=1e-5, rtol=1e-5)
    with pytest.raises(ConfigError, match="is quantized by"):
        LlamaForCausalLM.from_pretrained(tmp_path, load_in_8bit=True)


def test_eetq_is_made_while_opening_and_not_saved(llama: Path, tmp_path: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama, quantization_config=EetqConfig())
    with pytest.raises(ConfigError, match="order of one kind of GPU"):
        model.save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def as_block_float8(state: dict[str, Tensor], size: int, skip: str = "norm|embed|lm_head|gate.") -> dict[str, Tensor]:
    """A state dict as DeepSeek-V3 is published, with blocks of `size`."""
    result = {}
    for name, tensor in state.items():
        if tensor.dim() != 2 or any(part in name for part in skip.split("|")):
            result[name] = tensor
            continue
        layer = layer_of(FineGrainedFP8Config(weight_block_size=(size, size)), tensor.float())
        result.update({name.removesuffix("weight") + key: each for key, each in layer.stored().items()})
    return result


def test_experts_of_their_own_files_are_read_as_numbers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DeepseekV3Config(
        hidden_size=64,
        intermediate_size=96,
        moe_intermediate_size=32,
        num_hidden_layers=2,
        first_k_dense_replace=1,
        num_attention_heads=4,
        num_key_value_heads=4,
        n_routed_experts=8,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        q_lora_rank=24,
        kv_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=16,
        v_head_dim=16,
        vocab_size=100,
    )
    model = DeepseekV3ForCausalLM(config)
    model.save_pretrained(tmp_path)
    state = as_block_float8(load_file(tmp_path / "model.safetensors"), 32)
    assert any("experts.3.up_proj.weight_scale_inv" in name for name in state)
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    table = json.loads((tmp_path / "config.json").read_text())
    table["quantization_config"] = {
        "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [32, 32],
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(table))
    opened = DeepseekV3ForCausalLM.from_pretrained(tmp_path)
    with pytest.warns(BestiaryWarning, match="only how to compute"):
        plain = DeepseekV3ForCausalLM.from_pretrained(tmp_path, quantization_config=FineGrainedFP8Config(dequantize=True))
    assert isinstance(opened.model.layers[0].self_attn.o_proj, QuantizedLinear)
    assert not any(isinstance(each, QuantizedLinear) for each in plain.modules())
    assert not plain.is_quantized
    assert "quantization_config" not in plain.config.to_dict()
    scaled = by_numbers(FineGrainedFP8Config(weight_block_size=(32, 32)), model.model.layers[1].mlp.experts.down_proj[3])
    torch.testing.assert_close(plain.model.layers[1].mlp.experts.down_proj[3], scaled, rtol=1e-5, atol=1e-8)
    with torch.no_grad():
        logits = opened(IDS).logits
        torch.testing.assert_close(plain(IDS).logits, logits, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model(IDS).logits, logits, rtol=0, atol=0.1)
        opened.save_pretrained(tmp_path / "again")
        assert torch.equal(DeepseekV3ForCausalLM.from_pretrained(tmp_path / "again")(IDS).logits, logits)


BROKEN = {
    "shape": (lambda name, each: each[:-1] if name.endswith("_inv") else each, "expected floating numbers"),
    "nan": (lambda name, each: each * torch.nan if name.endswith("_inv") else each, "not finite"),
    "dtype": (lambda name, each: each.to(torch.int8) if each.dtype == torch.float8_e4m3fn else each, "expected torch.float8"),
    "weight": (
        lambda name, each: each[1:] if each.dtype == torch.float8_e4m3fn else each,
        "expected torch.float8_e4m3fn|mismatched",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_lies(kind: str, llama: Path, tmp_path: Path) -> None:
    LlamaForCausalLM.from_pretrained(llama, quantization_config=SMALL).save_pretrained(tmp_path)
    change, words = BROKEN[kind]
    state = load_file(tmp_path / "model.safetensors")
    save_file({name: change(name, each).contiguous() for name, each in state.items()}, tmp_path / "model.safetensors")
    with pytest.raises(LoadError, match=words):
        LlamaForCausalLM.from_pretrained(tmp_path)
    with pytest.raises(LoadError, match=words), pytest.warns(BestiaryWarning, match="only how to compute"):
        LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=FineGrainedFP8Config(dequantize=True))


def test_a_file_without_scales(llama: Path, tmp_path: Path) -> None:
    LlamaForCausalLM.from_pretrained(llama, quantization_config=FbgemmFp8Config()).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight_scale"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(LoadError, match="up_proj"):
        LlamaForCausalLM.from_pretrained(tmp_path)


def test_settings_that_cannot_be_met(llama: Path) -> None:
    for settings, words in (
        (QuantoConfig(activations="int8"), "after a calibration"),
        (FineGrainedFP8Config(activation_scheme="static"), "take 'dynamic'"),
        (FineGrainedFP8Config(expert_dtype="fp4"), "not opened here"),
        (BitNetQuantConfig(), "trained to be ternary"),
    ):
        with pytest.raises(ConfigError, match=words):
            LlamaForCausalLM.from_pretrained(llama, quantization_config=settings)
    with pytest.raises(ConfigError, match="a number above 0"):
        FbgemmFp8Config(activation_scale_ub=0)
    with pytest.raises(ConfigError, match="on disk"):
        LlamaForCausalLM.from_pretrained(llama, quantization_config=QuantoConfig(), device_map={"": "disk"})


def test_only_the_modules_that_are_named(llama: Path) -> None:
    settings = FineGrainedFP8Config(modules_to_convert=["mlp"], modules_to_not_convert=["up_proj"])
    model = LlamaForCausalLM.from_pretrained(llama, quantization_config=settings)
    kinds = {name for name, each in model.model.layers[0].named_modules() if isinstance(each, QuantizedLinear)}
    assert kinds == {"mlp.gate_proj", "mlp.down_proj"}


@pytest.mark.skipif(importlib.util.find_spec("optimum") is None, reason="optimum-quanto is not installed")
@pytest.mark.parametrize("weights", ["int8", "int4", "int2", "float8"])
@pytest.mark.parametrize(("rows", "columns"), [(40, 160), (7, 128), (6, 130), (8, 512), (8, 96)])
def test_codes_and_scales_are_those_of_quanto(weights: str, rows: int, columns: int) -> None:
    from optimum.quanto import freeze, qfloat8, qint2, qint4, qint8, quantize

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(columns, rows))
    with torch.no_grad():
        model[0].weight[1] = model[0].weight[1].abs() + 0.1
    ours = layer_of(QuantoConfig(weights=weights), model[0].weight.detach().clone())
    quantize(model, weights={"int8": qint8, "int4": qint4, "int2": qint2, "float8": qfloat8}[weights])
    freeze(model)
    theirs = {name.removeprefix("0."): each for name, each in model.state_dict().items() if name != "0.bias"}
    stored = ours.stored()
    assert stored.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert tensor.dtype == stored[name].dtype, name
        torch.testing.assert_close(stored[name].float(), tensor.float(), rtol=1e-6, atol=0, msg=name)


def test_calibrated_activations_of_quanto_are_refused(llama: Path, tmp_path: Path) -> None:
    LlamaForCausalLM.from_pretrained(llama, quantization_config=QuantoConfig()).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["model.layers.0.mlp.up_proj.input_scale"] = torch.tensor(0.3)
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match="activations of this checkpoint"):
        LlamaForCausalLM.from_pretrained(tmp_path)


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """The published layers round by functions that are compiled at their first call, for which a machine needs a compiler."""
    with torch._dynamo.config.patch(disable=True):
        yield


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
class TestBitNet:
    """Against the published layers, which need no package."""

    codes = torch.randint(-1, 2, (10, 16), generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(1))

    def layer(self, tensors: dict[str, Tensor], **settings: Any) -> QuantizedLinear:
        quantizer = method_class("bitnet")(BitNetQuantConfig(**settings), pre_quantized=True)
        layer: QuantizedLinear = quantizer.make("layer", nn.Linear(16, 10))
        layer.restore(tensors)
        assert {name: each.tolist() for name, each in layer.stored().items()} == {k: v.tolist() for k, v in tensors.items()}
        return layer

    @pytest.mark.parametrize("normed", [False, True])
    def test_packed(self, normed: bool) -> None:
        from transformers.integrations.bitnet import BitLinear, pack_weights

        theirs = BitLinear(16, 10, True, dtype=torch.float32, use_rms_norm=normed)
        codes = torch.cat((self.codes, torch.zeros(2, 16, dtype=torch.long)))
        theirs.weight = pack_weights(codes)
        theirs.weight_scale, theirs.bias = torch.tensor([2.5]), torch.zeros(12)
        tensors = {"weight": theirs.weight, "weight_scale": theirs.weight_scale}
        if normed:
            theirs.rms_norm.weight.data = torch.rand(16)
            tensors["rms_norm.weight"] = theirs.rms_norm.weight.data
        layer = self.layer(tensors, use_rms_norm=normed)
        assert torch.equal(layer.dequantize(), self.codes / 2.5)
        with torch.no_grad():
            expected = theirs(self.x)[..., :10] + layer.bias
            torch.testing.assert_close(layer(self.x), expected, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("mode", ["online", "offline"])
    def test_numbers(self, mode: str) -> None:
        from transformers.integrations.bitnet import AutoBitLinear

        theirs = AutoBitLinear(16, 10, False, online_quant=mode == "online")
        tensors = {"weight": self.codes.float() if mode == "offline" else torch.randn(10, 16)}
        theirs.weight.data = tensors["weight"]
        if mode == "offline":
            tensors["weight_scale"] = torch.tensor([3.0])
            theirs.weight_scale.fill_(3.0)
        layer = self.layer(tensors, linear_class="autobitlinear", quantization_mode=mode)
        with torch.no_grad():
            torch.testing.assert_close(layer(self.x), theirs(self.x) + layer.bias, rtol=1e-5, atol=1e-5)

    def test_files_that_cannot_be(self) -> None:
        packed = torch.zeros(3, 16, dtype=torch.uint8)
        for tensors, settings, words in (
            ({"weight": packed, "weight_scale": torch.zeros(1)}, {}, "other than 0"),
            ({"weight": packed[:2], "weight_scale": torch.ones(1)}, {}, "expected torch.uint8"),
            ({"weight": packed, "weight_scale": torch.ones(1)}, {"use_rms_norm": True}, "no rms_norm.weight"),
            ({"weight": torch.ones(10, 16)}, {"linear_class": "autobitlinear"}, "no weight_scale"),
            ({"weight": torch.ones(10, 16, dtype=torch.int8)}, {"linear_class": "autobitlinear"}, "expected numbers"),
        ):
            with pytest.raises(CorruptFile, match=words):
                self.layer(tensors, **settings)
