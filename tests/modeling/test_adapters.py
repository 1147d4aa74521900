"""Adapters in models, besides what the peers' script compares: what is refused, in which words, and what is left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from kit import checkpoints

import bestiary
from bestiary.core import optional
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing, InputError, LoadError, MissingDependency

LORA = """
import sys, torch
import bestiary.compat
bestiary.compat.install()
from peft import LoraConfig
from transformers import AutoModelForCausalLM
base, folder = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(base)
model.add_adapter(LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
model.save_pretrained(folder)
"""


@pytest.fixture(scope="module")
def base() -> Path:
    return checkpoints.llama()


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapter for `base`."""
    folder = tmp_path_factory.mktemp("adapter")
    subprocess.run([sys.executable, "-c", LORA, str(base), str(folder)], check=True)
    return folder


def test_an_adapter_opens_without_compat_where_peft_finds_a_transformers(base: Path, adapter: Path) -> None:
    ids = torch.tensor([[5, 7, 9]])
    plain = bestiary.AutoModelForCausalLM.from_pretrained(base)
    model = bestiary.AutoModelForCausalLM.from_pretrained(adapter)
    assert model.active_adapters() == ["default"]
    assert (model(ids).logits - plain(ids).logits).abs().max() > 1e-3
    model.disable_adapters()
    torch.testing.assert_close(model(ids).logits, plain(ids).logits)


def test_a_pipeline_opens_an_adapter(base: Path, adapter: Path) -> None:
    writer = bestiary.pipeline("text-generation", model=str(adapter), tokenizer=str(base))
    assert writer.model.active_adapters() == ["default"]


def test_what_is_wrong_is_said(base: Path, adapter: Path, tmp_path: Path) -> None:
    model = bestiary.AutoModelForCausalLM.from_pretrained(base)
    with pytest.raises(ArgumentError, match="has no adapter"):
        model.active_adapters()
    with pytest.raises(InputError, match="adapter_config is a dict"):
        model.add_adapter({"r": 2})
    with pytest.raises(ArgumentError, match="pass the folder"):
        model.load_adapter()
    with pytest.raises(ArgumentError, match="takes no argument 'colour'"):
        model.load_adapter(str(adapter), colour=1)
    with pytest.raises(FileMissing, match=r"adapter_config\.json"):
        model.load_adapter(str(base))
    (tmp_path / "adapter_config.json").write_text("[1]")
    with pytest.raises(CorruptFile, match="is a list; expected a table"):
        model.load_adapter(str(tmp_path))
    (tmp_path / "adapter_config.json").unlink()
    model.load_adapter(str(adapter))
    with pytest.raises(ArgumentError, match="'default' already"):
        model.load_adapter(str(adapter))
    with pytest.raises(ArgumentError, match="there is no adapter 'other'; the model has 'default'"):
        model.set_adapter(["default", "other"])
    with pytest.raises(ArgumentError, match="before the first adapter"):
        model.enable_peft_hotswap()
    model.load_adapter(str(adapter), adapter_name="second")
    model.set_adapter(["default", "second"])
    with pytest.raises(ArgumentError, match="default, second are in use"):
        model.save_pretrained(tmp_path)


def test_tensors_that_lack_or_do_not_fit_are_refused(base: Path, adapter: Path) -> None:
    from peft import LoraConfig

    tensors = bestiary.loading.checkpoint.Checkpoint.open(adapter / "adapter_model.safetensors")
    state = {key: tensors.tensor(key) for key in tensors.keys}
    first = next(iter(state))
    model = bestiary.AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=2, target_modules=["q_proj"])
    with pytest.raises(LoadError, match=r"lacks model\.layers\.0"):
        model.load_adapter(peft_config=config, adapter_state_dict={k: v for k, v in state.items() if k != first})
    model = bestiary.AutoModelForCausalLM.from_pretrained(base)
    with pytest.raises(LoadError, match="do not fit"):
        model.load_adapter(peft_config=config, adapter_state_dict={**state, first: torch.zeros(3, 3)})


def test_an_adapter_that_names_no_model_and_one_without_peft(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = json.loads((adapter / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**values, "base_model_name_or_path": None}))
    with pytest.raises(CorruptFile, match="names no base_model_name_or_path"):
        bestiary.AutoModelForCausalLM.from_pretrained(tmp_path)
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr("bestiary.modeling.adapters.available", lambda package: package != "peft")
    monkeypatch.setattr(optional, "available", lambda package: package != "peft")
    with pytest.raises(MissingDependency, match=r"pip install peft.*\[adapters\]"):
        bestiary.AutoModelForCausalLM.from_pretrained(adapter)
    assert not bestiary.AutoModelForCausalLM.from_pretrained(base)._hf_peft_config_loaded
    monkeypatch.undo()
    monkeypatch.setattr("bestiary.modeling.adapters.available", lambda package: package != "transformers")
    with pytest.raises(MissingDependency, match=r"bestiary\.compat\.install"):
        bestiary.AutoModelForCausalLM.from_pretrained(adapter)
