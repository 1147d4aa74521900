"""A model whose blocks lie on disk: they are views of its files, which are opened once."""

import copy
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch

from bestiary import LlamaConfig, LlamaForCausalLM
from bestiary.placement.mapped_weights import MappedWeights

IDS = torch.tensor([[1, 5, 2, 7]])
ON_DISK = {
    "model.embed_tokens": "cpu",
    "model.norm": "cpu",
    "model.rotary_emb": "cpu",
    "lm_head": "cpu",
    "model.layers": "disk",
}


def test_files_are_opened_once_and_answers_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("accelerate")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 50}
    model = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    model.save_pretrained(tmp_path)
    opened = []
    of_file = safetensors.safe_open

    def counting(path: str, **options: Any) -> Any:
        opened.append(path)
        return of_file(path, **options)

    offloaded = LlamaForCausalLM.from_pretrained(tmp_path, device_map=ON_DISK)
    monkeypatch.setattr(safetensors, "safe_open", counting)
    with torch.no_grad():
        for _ in range(3):
            assert torch.equal(offloaded(IDS).logits, model(IDS).logits)
        assert len(opened) == 1
        assert all(parameter.is_meta for parameter in offloaded.get_submodule("model.layers").parameters())
        assert torch.equal(copy.deepcopy(offloaded)(IDS).logits, model(IDS).logits)
    offloaded.save_pretrained(tmp_path / "again")
    again = LlamaForCausalLM.from_pretrained(tmp_path / "again")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_what_is_in_no_file_comes_from_the_source() -> None:
    weights = MappedWeights({"a": torch.ones(2)}, {})
    assert torch.equal(weights["a"], torch.ones(2))
    assert torch.equal(copy.deepcopy(weights)["a"], torch.ones(2))
    assert list(weights) == ["a"]
    assert len(weights) == 1
