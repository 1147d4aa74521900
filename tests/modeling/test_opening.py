"""Keywords of `from_pretrained` that ask for what this library does not do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import pair

from bestiary import (
    AutoModelForCausalLM,
    BertForMaskedLM,
    BertModel,
    CLIPTextModel,
    GPT2LMHeadModel,
    LlamaConfig,
    ViTForImageClassification,
    ViTModel,
)
from bestiary.core.errors import ArgumentError, ConfigError, InputError, LoadError, MissingDependency
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
        (BertModel, "gpt2", "for model_type 'bert'; .* of 'gpt2' and holds a GPT2LMHeadModel"),
        (GPT2LMHeadModel, "bert", "for model_type 'gpt2'; .* of 'bert' and holds a BertModel"),
        (ViTModel, "bert", "for model_type 'vit'; .* holds a BertModel"),
        (CLIPTextModel, "gpt2", "for model_type 'clip_text_model'; .* holds a GPT2LMHeadModel"),
    ],
)
def test_a_checkpoint_of_another_family_is_named(kind: Any, model: str, said: str) -> None:
    folder = pair(model, "GPT2LMHeadModel" if model == "gpt2" else "BertModel").folder
    with pytest.warns(BestiaryWarning, match=said), pytest.raises(LoadError, match=r"(?s)which says it holds a .*\n  missing"):
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


@pytest.mark.parametrize(("kind", "family"), [(BertModel, "bert"), (ViTModel, "vit")])
def test_a_part_that_the_caller_does_not_want_is_left_out(kind: Any, family: str) -> None:
    models = pair(family, kind.__name__)
    found = kind.from_pretrained(models.folder, add_pooling_layer=False)
    assert found.pooler is None
    assert sorted(found.load_report.unused) == ["pooler.dense.bias", "pooler.dense.weight"]
    theirs = type(models.reference).from_pretrained(models.folder, add_pooling_layer=False)
    torch.testing.assert_close(found(**models.inputs)[0], theirs(**models.reference_inputs())[0], rtol=1e-5, atol=1e-5)


def test_a_pretrained_mask_token_is_no_part_of_a_classifier() -> None:
    folder = pair("vit", "ViTForMaskedImageModeling").folder
    with pytest.warns(BestiaryWarning, match="new, to be trained: classifier.weight, classifier.bias"):
        found, info = ViTForImageClassification.from_pretrained(folder, output_loading_info=True)
    _, theirs = transformers.ViTForImageClassification.from_pretrained(folder, output_loading_info=True)
    assert info["missing_keys"] == set(theirs["missing_keys"])
    assert info["unexpected_keys"] == set(theirs["unexpected_keys"])
    assert found.vit.embeddings.mask_token is None


OLDER: list[dict[str, Any]] = [{"_fast_init": True}, {"load_in_8bit": False}, {"quantization_config": None}]
OLDER += [{"low_cpu_mem_usage": flag, "device_map": place} for flag in (True, False) for place in (None, "cpu")]
OLDER += [{"weights_only": True}, {"use_auth_token": None}, {"resume_download": True}, {"proxies": None}, {"mirror": None}]


@pytest.mark.parametrize("older", OLDER, ids=str)
def test_older_keywords_that_ask_for_what_happens_anyway(older: dict[str, Any]) -> None:
    models = pair("llama", "LlamaForCausalLM")
    found = AutoModelForCausalLM.from_pretrained(models.folder, **older)
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), models.ours.parameters(), strict=True))


@pytest.mark.parametrize("wish", [{"load_in_4bit": True}, {"quantization_config": {"load_in_8bit": True}}], ids=str)
def test_quantization_is_not_there_yet(wish: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="weights cannot be quantized here yet"):
        AutoModelForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, **wish)


def test_what_excludes_each_other_is_a_type_error_and_a_value_error() -> None:
    for kind in (TypeError, ValueError):
        with pytest.raises(kind, match="inputs and input_ids are the same thing; pass one of them"):
            pair("llama", "LlamaForCausalLM").ours.generate(inputs=torch.ones(1, 2).long(), input_ids=torch.ones(1, 2).long())


@pytest.mark.skipif(torch.accelerator.is_available(), reason="needs a machine without accelerator")
@pytest.mark.parametrize("where", [0, "cuda", "cuda:0", {"model": 0, "lm_head": "cpu"}, "auto"], ids=str)
def test_a_device_that_is_not_there(where: Any) -> None:
    memory = {"max_memory": {0: "1GB"}} if where == "auto" else {}
    with pytest.raises(ConfigError, match="is not there: this machine has"):
        AutoModelForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, device_map=where, **memory)


def test_fresh_weights_with_the_keywords_of_scripts() -> None:
    values = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    for said, expected in ((None, torch.float32), ("bfloat16", torch.bfloat16)):
        config = LlamaConfig(**values, dtype=said)
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=True, torch_dtype="auto")
        theirs = transformers.AutoModelForCausalLM.from_config(transformers.LlamaConfig(**values, dtype=said))
        assert model.dtype == theirs.dtype == expected


def test_saving_with_the_keywords_of_scripts_for_several_processes(tmp_path: Path) -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    assert model.save_pretrained(tmp_path / "other", is_main_process=False, save_function=torch.save) == []
    with pytest.warns(BestiaryWarning, match="save_function is not called"):
        model.save_pretrained(tmp_path, is_main_process=True, save_function=torch.save, token=None)
    assert (tmp_path / "model.safetensors").exists()
    assert not (tmp_path / "other").exists()


def test_a_quantized_checkpoint_is_told(tmp_path: Path) -> None:
    shutil.copytree(pair("llama", "LlamaForCausalLM").folder, tmp_path, dirs_exist_ok=True)
    values = json.loads((tmp_path / "config.json").read_text())
    values["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=r"is quantized \(bitsandbytes\), which cannot be opened here yet"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("device_map", [{"model": "cpu", "lm_head": "disk"}, {"": "disk"}], ids=str)
def test_a_model_that_is_on_disk_is_not_resized(device_map: dict[str, str]) -> None:
    model = AutoModelForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, device_map=device_map)
    with pytest.raises(InputError, match="resize it before it is spread"):
        model.resize_token_embeddings(200)
