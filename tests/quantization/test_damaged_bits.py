"""Files of 8 and 4 bits that are damaged, or made to harm: each is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bestiary import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
from bestiary.core.errors import ConfigError, LoadError
from bestiary.nn.quantized import QuantizedLinear

NAME = "model.layers.0.self_attn.q_proj.weight"
FACTS = f"{NAME}.quant_state.bitsandbytes__nf4"
IDS = torch.tensor([[1, 5, 2]])


def saved(folder: Path, **settings: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes))
    model.quantize(BitsAndBytesConfig(**settings)).save_pretrained(folder)
    return load_file(folder / "model.safetensors")


@pytest.fixture
def four(tmp_path: Path) -> dict[str, torch.Tensor]:
    return saved(tmp_path, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)


def refused(tensors: dict[str, torch.Tensor], folder: Path, match: str) -> None:
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(LoadError, match=match):
        LlamaForCausalLM.from_pretrained(folder)


def text(content: bytes) -> torch.Tensor:
    return torch.tensor(list(content), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"quant_type": "nf5"}, "quant_type is 'nf5'"),
        ({"quant_type": ["nf4"]}, "quant_type is"),
        ({"blocksize": 0}, "blocksize is 0"),
        ({"blocksize": 10**12}, "blocksize is"),
        ({"blocksize": "64"}, "blocksize is"),
        ({"blocksize": 128}, "scales"),
        ({"dtype": "int8"}, "dtype 'int8'"),
        ({"dtype": "load"}, "dtype 'load'"),
        ({"shape": [64, 65]}, "shape"),
        ({"shape": [10**9, 10**9]}, "shape"),
        ({"nested_blocksize": -1}, "nested_blocksize"),
        ({"nested_offset": "x"}, "nested_offset"),
        ({"nested_offset": float("nan")}, "nested_offset"),
    ],
)
def test_facts_that_cannot_be(four: dict[str, torch.Tensor], facts: dict[str, Any], match: str, tmp_path: Path) -> None:
    whole = json.loads(bytes(four[FACTS].tolist()))
    refused({**four, FACTS: text(json.dumps({**whole, **facts}).encode())}, tmp_path, match)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 3000, b"[]", b"\xff\xfe", b'{"a":' * 600, b" " * 5000])
def test_facts_that_are_none(four: dict[str, torch.Tensor], content: bytes, tmp_path: Path) -> None:
    refused({**four, FACTS: text(content)}, tmp_path, "quant_state is")


@pytest.mark.parametrize(
    ("part", "tensor"),
    [
        ("", torch.zeros(7, 1, dtype=torch.uint8)),
        (".absmax", torch.zeros(3, dtype=torch.uint8)),
        (".quant_map", torch.zeros(15)),
        (".quant_map", torch.zeros(16, dtype=torch.int32)),
        (".nested_absmax", torch.zeros(9)),
        (".nested_quant_map", torch.zeros(255)),
    ],
)
def test_tensors_of_other_shapes(four: dict[str, torch.Tensor], part: str, tensor: torch.Tensor, tmp_path: Path) -> None:
    refused({**four, NAME + part: tensor}, tmp_path, "cannot be filled")


def test_what_is_missing_is_named(four: dict[str, torch.Tensor], tmp_path: Path) -> None:
    for part in (".absmax", ".quant_map"):
        refused({name: each for name, each in four.items() if name != NAME + part}, tmp_path, "missing")
    refused({name: each for name, each in four.items() if name != FACTS}, tmp_path, "one weight.quant_state")


def test_8_bits_of_another_shape_or_order(tmp_path: Path) -> None:
    tensors = saved(tmp_path, load_in_8bit=True)
    refused({**tensors, NAME: torch.zeros(64, 63, dtype=torch.int8)}, tmp_path, "8-bit weights are")
    refused({**tensors, NAME.replace("weight", "SCB"): torch.zeros(63)}, tmp_path, "8-bit weights are")
    refused({**tensors, f"{NAME}_format": torch.tensor(2, dtype=torch.uint8)}, tmp_path, "row by row")


def test_old_files_have_flat_weights(four: dict[str, torch.Tensor], tmp_path: Path) -> None:
    first = LlamaForCausalLM.from_pretrained(tmp_path)
    save_file(
        {name: each.flatten() if "layers" in name and each.dtype == torch.uint8 else each for name, each in four.items()},
        tmp_path / "model.safetensors",
    )
    with torch.no_grad():
        assert torch.equal(LlamaForCausalLM.from_pretrained(tmp_path)(IDS).logits, first(IDS).logits)


def test_an_unknown_kind_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    saved(tmp_path, load_in_8bit=True)
    with pytest.raises(ConfigError, match="expected one of nf4, fp4, int4. Did you mean"):
        LlamaForCausalLM(
            LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2)
        ).quantize(BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf5"))


def test_numbers_kept_and_quantized_in_every_call(tmp_path: Path) -> None:
    saved(tmp_path / "few", load_in_8bit=True)
    kept = saved(tmp_path / "kept", load_in_8bit=True, llm_int8_has_fp16_weight=True)
    assert kept[NAME].dtype == torch.float32
    with torch.no_grad():
        few, numbers = (LlamaForCausalLM.from_pretrained(tmp_path / name) for name in ("few", "kept"))
        assert torch.equal(few(IDS).logits, numbers(IDS).logits)


def test_parts_on_disk_stay_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes)).save_pretrained(tmp_path)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", "model.norm": "cpu"}
    places |= {"model.rotary_emb": "cpu", "lm_head": "cpu"}
    with pytest.raises(ConfigError, match="disk"):
        LlamaForCausalLM.from_pretrained(tmp_path, load_in_8bit=True, device_map=places, offload_folder=tmp_path / "away")
    settings = BitsAndBytesConfig(load_in_8bit=True, llm_int8_enable_fp32_cpu_offload=True)
    model = LlamaForCausalLM.from_pretrained(
        tmp_path, quantization_config=settings, device_map=places, offload_folder=tmp_path / "away"
    )
    assert isinstance(model.model.layers[0].mlp.up_proj, QuantizedLinear)
    assert not isinstance(model.model.layers[1].mlp.up_proj, QuantizedLinear)
    with torch.no_grad():
        assert model(IDS).logits.isfinite().all()
