"""HQQ against layers that the package of that name (0.2.8) made and stored: `hqq_layers.safetensors`."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bestiary import HqqConfig, LlamaForCausalLM
from bestiary.core.errors import ConfigError, CorruptFile
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.methods.hqq import Hqq, HqqLinear

from .test_gptq import small

PUBLISHED = load_file(Path(__file__).parent / "hqq_layers.safetensors")
NAMES = sorted({name.rpartition(".")[0] for name in PUBLISHED} - {""})


def layer(name: str, from_file: bool) -> tuple[HqqLinear, dict[str, Tensor], Tensor]:
    """An empty layer, the tensors of the published one, and the numbers that this computes with."""
    bits, axis = map(int, name.split(",")[:2])
    settings = HqqConfig(bits, group_size=8 if bits == 1 else 16, axis=axis, view_as_float="float" in name)
    dense = nn.Linear(32, 24)
    dense.weight.data, dense.bias.data = PUBLISHED["weight"], PUBLISHED["bias"]
    made = Hqq(settings, pre_quantized=from_file).make("layer", dense)
    assert isinstance(made, HqqLinear)
    tensors = {key.rpartition(".")[2]: tensor for key, tensor in PUBLISHED.items() if key.startswith(f"{name}.")}
    numbers = tensors.pop("numbers")
    return made, {key: tensor for key, tensor in tensors.items() if key != "bias"}, numbers


@pytest.mark.parametrize("name", NAMES)
def test_published_layers_are_read_and_written(name: str) -> None:
    ours, tensors, numbers = layer(name, from_file=True)
    ours.restore(tensors)
    torch.testing.assert_close(ours.dequantize(), numbers, atol=1e-6, rtol=0)
    x = torch.randn(3, 32)
    torch.testing.assert_close(ours(x), nn.functional.linear(x, numbers, PUBLISHED["bias"]), atol=1e-5, rtol=1e-5)
    stored = ours.stored()
    assert stored.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert stored[key].dtype == tensor.dtype, key
        assert stored[key].numpy().tobytes() == tensor.numpy().tobytes(), key


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_is_what_is_published(name: str) -> None:
    ours, tensors, numbers = layer(name, from_file=False)
    ours.fill(PUBLISHED["weight"])
    stored = ours.stored()
    assert {key: (each.dtype, each.shape) for key, each in stored.items()} == {
        key: (each.dtype, each.shape) for key, each in tensors.items()
    }
    for key in tensors.keys() - {"W_q", "scale", "zero"}:
        assert torch.equal(stored[key], tensors[key]), key
    torch.testing.assert_close(stored["scale"], tensors["scale"])
    torch.testing.assert_close(ours.dequantize(), numbers, atol=1e-5, rtol=0)


def test_layers_of_settings_of_their_own() -> None:
    model = LlamaForCausalLM(small())
    model.quantize(
        HqqConfig(
            dynamic_config={"self_attn.q_proj": {"nbits": 8, "group_size": 32}, "down_proj": {"nbits": 2, "group_size": 48}}
        )
    )
    found = {path: each.config["nbits"] for path, each in model.named_modules() if isinstance(each, QuantizedLinear)}
    assert found == {
        f"model.layers.{at}.{name}": bits for at in (0, 1) for name, bits in (("self_attn.q_proj", 8), ("mlp.down_proj", 2))
    }


def test_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="nbits"):
        HqqConfig(5)
    with pytest.raises(ConfigError, match="no settings"):
        HqqConfig(dynamic_config={"q_proj": {"bits": 4}})
    with pytest.raises(ConfigError, match="scales and zeros"):
        HqqConfig(quant_config={**HqqConfig().quant_config, "scale_quant_params": {"nbits": 8}})
    with pytest.raises(ConfigError, match="cannot be cut into groups of 40"):
        LlamaForCausalLM(small()).quantize(HqqConfig(group_size=40))
    ours, tensors, _ = layer("4,1", from_file=True)
    with pytest.raises(CorruptFile, match="W_q"):
        ours.restore({**tensors, "W_q": tensors["W_q"][:-1]})
    with pytest.raises(CorruptFile, match="W_q"):
        ours.restore({**tensors, "scale": tensors["scale"].T})
