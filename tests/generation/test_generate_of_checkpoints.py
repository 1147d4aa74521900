"""`custom_generate` of a checkpoint: its function gets the call as it is, where code is allowed, as it is published."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import remote_code

import bestiary
from bestiary import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from bestiary.core.errors import FileMissing, UnsafeFile

IDS = torch.tensor([[1, 2, 3]])
CODE = """
from .helper import last


def generate(model, inputs=None, input_ids=None, left=0, max_new_tokens=2, generation_config=None, **kwargs):
    ids = input_ids if inputs is None else inputs
    assert {"logits_processor", "streamer"} <= set(kwargs) and "trust_remote_code" not in kwargs
    for _ in range(max_new_tokens):
        ids = last(model, ids)
    return ids[:, left:]
"""
HELPER = """
import torch


def last(model, ids):
    return torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], 1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Llama with a decoding of its own."""
    remote_code.keep_apart(monkeypatch, tmp_path)
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=16, eos_token_id=None
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llama")
    (tmp_path / "llama" / "custom_generate").mkdir()
    (tmp_path / "llama" / "custom_generate" / "generate.py").write_text(CODE)
    (tmp_path / "llama" / "custom_generate" / "helper.py").write_text(HELPER)
    return tmp_path / "llama"


def test_it_decodes_the_call(folder: Path) -> None:
    results = []
    for library in (bestiary, transformers):
        model: Any = library.AutoModelForCausalLM.from_pretrained(folder)
        options = {"custom_generate": str(folder), "trust_remote_code": True, "max_new_tokens": 3, "left": 1}
        results.append([model.generate(IDS, **options).tolist(), model.generate(input_ids=IDS, **options).tolist()])
        results[-1].append(model.generate(IDS, max_new_tokens=3, do_sample=False).tolist()[0][1:])
    assert results[0] == results[1]
    assert results[0][0][0] == results[0][2]


def test_a_model_opened_with_code_has_it(folder: Path) -> None:
    opened: list[Any] = []
    for library in (bestiary, transformers):
        opened += [
            library.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True),
            library.LlamaForCausalLM.from_pretrained(folder, trust_remote_code=True),
        ]
    lists = [model.generate(inputs=IDS, logits_processor=None, streamer=None, left=2).tolist() for model in opened]
    assert lists == [lists[0]] * 4
    assert len(lists[0][0]) == 3
    with pytest.raises(TypeError, match="left"):
        AutoModelForCausalLM.from_pretrained(folder).generate(IDS, left=2)


def test_nothing_runs_unasked(folder: Path, tmp_path: Path) -> None:
    (folder / "custom_generate" / "helper.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    model = AutoModelForCausalLM.from_pretrained(folder)
    for options in ({}, {"trust_remote_code": False}, {"trust_remote_code": True, "code_digest": "0" * 64}):
        with pytest.raises(UnsafeFile, match="custom_generate/helper.py"):
            model.generate(IDS, custom_generate=str(folder), **options)
    assert not (tmp_path / "ran").exists()


def test_a_folder_without_it(folder: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    with pytest.raises(FileMissing, match="names code in custom_generate/generate.py, and there is no such file"):
        model.generate(IDS, custom_generate=str(tmp_path), trust_remote_code=True)
    (folder / "custom_generate" / "generate.py").write_text("generate = 3")
    with pytest.raises(UnsafeFile, match="is 3; expected a function"):
        model.generate(IDS, custom_generate=str(folder), trust_remote_code=True)
