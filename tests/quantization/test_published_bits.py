"""Files and numbers of 8 and 4 bits beside those of bitsandbytes under the published library."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import bestiary
from bestiary import BitsAndBytesConfig

pytest.importorskip("bitsandbytes")
transformers = pytest.importorskip("transformers")

IDS = torch.tensor([[1, 5, 2, 7, 3], [4, 4, 9, 1, 6]])
SETTINGS: dict[str, dict[str, Any]] = {
    "int8": {"load_in_8bit": True},
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "nf4-double": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "fp4-double-bf16": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "fp4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_quant_storage": "bfloat16",
        "bnb_4bit_compute_dtype": "bfloat16",
    },
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of down_proj are no whole blocks of 64; a row of zeros, equal numbers, columns that become outliers."""
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=136, num_hidden_layers=2, num_attention_heads=4, vocab_size=100
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        attention = model.model.layers[0].self_attn
        attention.q_proj.weight[3] = 0
        attention.k_proj.weight[:] = (attention.k_proj.weight * 100).round() / 100
        model.model.layers[1].input_layernorm.weight[:2] = 9
    model.save_pretrained(folder)
    return folder


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SETTINGS[request.param]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_files_and_numbers(llama: Path, settings: dict[str, Any], dtype: torch.dtype, tmp_path: Path) -> None:
    published = transformers.LlamaForCausalLM.from_pretrained(
        llama, quantization_config=transformers.BitsAndBytesConfig(**settings), dtype=dtype
    )
    ours = bestiary.LlamaForCausalLM.from_pretrained(llama, quantization_config=BitsAndBytesConfig(**settings), dtype=dtype)
    published.save_pretrained(tmp_path / "published")
    ours.save_pretrained(tmp_path / "ours")
    theirs, saved = (load_file(tmp_path / name / "model.safetensors") for name in ("published", "ours"))
    assert theirs.keys() == saved.keys()
    for name, tensor in theirs.items():
        assert (saved[name].dtype, saved[name].shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(saved[name].view(-1).view(torch.uint8), tensor.view(-1).view(torch.uint8)), name
    rounding = 2e-2 if dtype == torch.bfloat16 or settings.get("bnb_4bit_compute_dtype") else 2e-3
    rounding = rounding if "load_in_8bit" not in settings else 2e-2  # it rounds to half precision, and sums in it
    exact = 1e-5 if dtype == torch.float32 and settings.get("bnb_4bit_quant_type") == "nf4" else rounding
    with torch.no_grad():
        logits = ours(IDS).logits
        expected = published.train()(IDS).logits  # where it evaluates it packs weights anew, which not all shapes fit
        torch.testing.assert_close(logits, expected, atol=exact, rtol=exact)
        from_theirs = bestiary.LlamaForCausalLM.from_pretrained(tmp_path / "published")
        assert torch.equal(from_theirs(IDS).logits, logits)
        from_ours = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "ours")
        assert torch.equal(from_ours.train()(IDS).logits, expected)
    # Ours has no buffers, the published one those of rotary angles.
    assert ours.get_memory_footprint() == published.get_memory_footprint(return_buffers=False)
    assert ours.num_parameters() == published.num_parameters()
    assert ours.num_parameters(only_trainable=True) == published.num_parameters(only_trainable=True)
    table = transformers.AutoConfig.from_pretrained(tmp_path / "published").quantization_config
    assert bestiary.AutoConfig.from_pretrained(tmp_path / "ours").quantization_config == table
    numbers = ours.dequantize()
    for name, weight in published.dequantize(dtype).named_parameters():
        torch.testing.assert_close(numbers.get_parameter(name).float(), weight.float(), atol=exact, rtol=exact)
