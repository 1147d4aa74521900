"""Keywords of `from_pretrained` that ask for what this library does not do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import pair

from bestiary import BertForMaskedLM, BertModel, CLIPTextModel, GPT2LMHeadModel, ViTModel
from bestiary.core.errors import ConfigError, LoadError, MissingDependency
from bestiary.core.logging import BestiaryWarning


@pytest.mark.parametrize(("flag", "framework"), [("from_tf", "TensorFlow"), ("from_flax", "Flax")])
def test_weights_of_other_frameworks(flag: str, framework: str) -> None:
    models = pair("llama", "LlamaForCausalLM")
    with pytest.raises(MissingDependency, match=f"{flag}=True: {framework} weights are not read here.*writes safetensors"):
        type(models.ours).from_pretrained(models.folder, **{flag: True})
    type(models.ours).from_pretrained(models.folder, **{flag: False})


@pytest.mark.parametrize("trust", [True, False, None])
def test_a_class_of_ours_needs_no_trust(trust: bool | None) -> None:
    models = pair("llama", "LlamaForCausalLM")
    again = type(models.ours).from_pretrained(models.folder, trust_remote_code=trust)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), models.ours.parameters(), strict=True))


@pytest.mark.parametrize(
    ("kind", "model", "said"),
    [
        (BertModel, "gpt2", "BertModel cannot be opened .*for model_type 'bert'; .* of 'gpt2' and holds a GPT2LMHeadModel"),
        (
            GPT2LMHeadModel,
            "bert",
            "GPT2LMHeadModel cannot be opened .*for model_type 'gpt2'; .* of 'bert' and holds a BertModel",
        ),
        (ViTModel, "bert", "ViTModel cannot be opened .* holds a BertModel"),
        (CLIPTextModel, "gpt2", "CLIPTextModel cannot be opened .* holds a GPT2LMHeadModel"),
    ],
)
def test_a_checkpoint_of_another_family_is_named(kind: Any, model: str, said: str) -> None:
    folder = pair(model, "GPT2LMHeadModel" if model == "gpt2" else "BertModel").folder
    with pytest.raises(ConfigError, match=said):
        kind.from_pretrained(folder)


def test_weights_that_do_not_fit_name_both_classes(tmp_path: Path) -> None:
    shutil.copytree(pair("gpt2", "GPT2LMHeadModel").folder, tmp_path, dirs_exist_ok=True)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({key: value for key, value in values.items() if key != "model_type"}))
    with pytest.raises(LoadError, match="says it holds a GPT2LMHeadModel, do not fit the BertModel:\n  missing"):
        BertModel.from_pretrained(tmp_path)


def test_a_head_whose_output_layer_is_tied_may_be_new() -> None:
    base = pair("bert", "BertModel")
    with pytest.warns(BestiaryWarning, match=r"new, to be trained: .*cls\.predictions\.bias"):
        ours = BertForMaskedLM.from_pretrained(base.folder)
    assert torch.equal(ours.get_output_embeddings().weight, base.ours.get_input_embeddings().weight)
    assert ours.cls["predictions"].bias.abs().sum() == 0
    theirs = transformers.BertForMaskedLM.from_pretrained(base.folder, output_loading_info=True)[1]
    new = {name for name, source in ours.load_report.sources.items() if source == "initialised"}
    assert theirs["missing_keys"] == new | {name for name, source in ours.load_report.tied.items() if source in new}
