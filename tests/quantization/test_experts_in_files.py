"""Mixtures as GPTQ, AWQ and AutoRound publish them: each expert's layers by themselves, which one tensor holds here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bestiary import AutoRoundConfig, AwqConfig, GPTQConfig, MixtralConfig, MixtralForCausalLM
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.grid import grid_of, group_of_columns
from bestiary.quantization.methods.awq import AwqLinear
from bestiary.quantization.methods.gptq import GPTQLinear
from bestiary.quantization.words import pack_words

IDS = torch.tensor([[1, 5, 2, 7, 3]])
GROUP = 32


def gptq(weight: Tensor, settings: GPTQConfig) -> tuple[dict[str, Tensor], Tensor]:
    layer = GPTQLinear(nn.Linear(*weight.T.shape, bias=False), settings)
    layer.quantize(weight)
    return layer.stored(), layer.dequantize()


def awq(weight: Tensor, settings: AwqConfig) -> tuple[dict[str, Tensor], Tensor]:
    layer = AwqLinear(nn.Linear(*weight.T.shape, bias=False), settings)
    groups, grid = group_of_columns(weight.shape[1], GROUP), grid_of(weight, GROUP, 4, sym=False)
    zeros = grid.zeros.to(torch.uint8)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
    packed = pack_words(zeros.T.unflatten(-1, (-1, 8))[..., order].flatten(-2), 4)
    layer.hold_integers(grid.codes(weight, groups), grid.scales.half(), zeros, groups, 4, qzeros=packed, file_scales=None)
    return layer.stored(), layer.dequantize()


KINDS: dict[str, tuple[Any, Any]] = {
    "gptq": (gptq, GPTQConfig(bits=4, group_size=GROUP)),
    "gptq, 8 bits by a rule": (gptq, GPTQConfig(bits=4, group_size=GROUP, dynamic={r".*experts.*w2": {"bits": 8}})),
    "awq": (awq, AwqConfig(bits=4, group_size=GROUP)),
    "autoround": (gptq, AutoRoundConfig(bits=4, group_size=GROUP, packing_format="auto_round:auto_gptq")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_experts_become_numbers(kind: str, tmp_path: Path) -> None:
    make, settings = KINDS[kind]
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MixtralConfig(vocab_size=100, num_local_experts=4, num_key_value_heads=2, **sizes)
    MixtralForCausalLM(config).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    assert any(".experts.3.w2.weight" in name for name in state)
    packed, numbers = {}, {}
    for name, tensor in state.items():
        path = name.removesuffix(".weight")
        if tensor.dim() != 2 or not any(part in name for part in ("proj", ".w1.", ".w2.", ".w3.")):
            packed[name] = numbers[name] = tensor
            continue
        of_layer = settings.of_layer(path) if hasattr(settings, "of_layer") else settings
        parts, numbers[name] = make(tensor, of_layer)
        packed |= {f"{path}.{local}": each.contiguous() for local, each in parts.items()}
    save_file(packed, tmp_path / "model.safetensors")
    table = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**table, "quantization_config": settings.to_dict()}))
    model = MixtralForCausalLM.from_pretrained(tmp_path)
    assert isinstance(model.model.layers[0].self_attn.q_proj, QuantizedLinear)
    (tmp_path / "plain").mkdir()
    save_file(numbers, tmp_path / "plain" / "model.safetensors")
    config.architectures = ["MixtralForCausalLM"]
    config.save_pretrained(tmp_path / "plain")
    plain = MixtralForCausalLM.from_pretrained(tmp_path / "plain")
    weights = model.model.layers[1].mlp.experts.down_proj, plain.model.layers[1].mlp.experts.down_proj
    assert torch.equal(*weights)
    with torch.no_grad():
        expected = plain(IDS).logits
        torch.testing.assert_close(model(IDS).logits, expected, atol=1e-4, rtol=1e-4)
        model.save_pretrained(tmp_path / "again")
        again = MixtralForCausalLM.from_pretrained(tmp_path / "again")
        assert torch.equal(again(IDS).logits, model(IDS).logits)
