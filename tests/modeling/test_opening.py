"""Keywords of `from_pretrained` that ask for what this library does not do."""

import json
import re
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close, pair
from safetensors.torch import load_file, save_file

import bestiary
from bestiary import (
    AutoModel,
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
from bestiary.models.clip import CLIPModel, CLIPTextConfig
from bestiary.nn.attention import Attend


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


def test_a_method_of_quantization_that_is_not_here_is_told(tmp_path: Path) -> None:
    shutil.copytree(pair("llama", "LlamaForCausalLM").folder, tmp_path, dirs_exist_ok=True)
    values = json.loads((tmp_path / "config.json").read_text())
    values["quantization_config"] = {"quant_method": "aqlm"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match="'aqlm' is a published method that is not opened here"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("device_map", [{"model": "cpu", "lm_head": "disk"}, {"": "disk"}], ids=str)
def test_a_model_that_is_on_disk_is_not_resized(device_map: dict[str, str]) -> None:
    model = AutoModelForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, device_map=device_map)
    with pytest.raises(InputError, match="resize it before it is spread"):
        model.resize_token_embeddings(200)


def renamed_llama(folder: Path) -> Any:
    """A published Llama saved under names of another implementation; returns the model."""
    reference = pair("llama", "LlamaForCausalLM").reference
    reference.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    renamed = {re.sub("^model", "net", key).replace("self_attn", "attention"): value for key, value in tensors.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    return reference


BACK = [{"^net": "model", "attention": "self_attn"}, {r"^net\.(.*)attention": r"model.\1self_attn", "^net": "model"}]


@pytest.mark.parametrize("mapping", BACK)
@pytest.mark.parametrize("device_map", [None, {"": "disk"}])
def test_names_of_another_implementation(tmp_path: Path, mapping: dict[str, str], device_map: Any) -> None:
    """As in the published library: in each name, of each pattern in turn, the first match is replaced."""
    reference = renamed_llama(tmp_path)
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path, key_mapping=mapping)
    ours = AutoModelForCausalLM.from_pretrained(
        tmp_path, key_mapping=mapping, device_map=device_map, offload_folder=str(tmp_path / "aside")
    )
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        close(ours(ids).logits, theirs(ids).logits)
        close(ours(ids).logits, reference(ids).logits)
    ours.save_pretrained(tmp_path / "ours")
    assert "model.norm.weight" in load_file(tmp_path / "ours" / "model.safetensors")  # opens without the mapping from now on


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (["net"], "key_mapping is a list; expected a table"),
        ({"(": "model"}, r"cannot replace '\(' by 'model'"),
        ({"net": 3}, "cannot replace 'net' by 3"),
        ({r"layers\.\d": "layers.0"}, "one name .* would be lost"),
    ],
)
def test_names_that_no_table_of_patterns_gives(tmp_path: Path, mapping: Any, said: str) -> None:
    renamed_llama(tmp_path)
    with pytest.raises(ArgumentError, match=said):
        AutoModelForCausalLM.from_pretrained(tmp_path, key_mapping=mapping)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ({"": "bfloat16", "text_config": "bfloat16"}, torch.bfloat16),
        ({"": "float16", "text_config": "float32"}, torch.float16),
        ({"text_config": torch.bfloat16, "vision_config": torch.float16}, torch.float32),
        ({"": torch.bfloat16}, torch.bfloat16),
    ],
)
def test_a_table_of_dtypes_names_one_for_all(dtype: dict[str, Any], expected: torch.dtype) -> None:
    folder = pair("clip", "CLIPModel").folder
    assert transformers.CLIPModel.from_pretrained(folder, dtype=dtype).dtype == expected
    with pytest.warns(BestiaryWarning, match="dtype-by-part") if set(dtype.values()) != {dtype.get("")} else nullcontext():
        model = AutoModel.from_pretrained(folder, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {expected}
    with pytest.raises(ArgumentError, match="dtype has 'text', no part of CLIPConfig.*'text_config'"):
        AutoModel.from_pretrained(folder, dtype={"text": "bfloat16"})


def kernels_of(model: Any) -> tuple[str, ...]:
    config = getattr(model, "config", model)
    return tuple(each._attn_implementation for each in (config, config.text_config, config.vision_config))


SET_KERNELS = ["eager", {"text_config": "eager"}, {"": "eager"}, {"text_config": "eager", "": "sdpa"}]


@pytest.mark.parametrize("kernels", SET_KERNELS, ids=str)
def test_the_kernels_of_a_config_reach_its_parts_at_once(kernels: Any) -> None:
    told = []
    for library in (bestiary, transformers):
        made, written = library.CLIPConfig(attn_implementation=kernels), library.CLIPConfig()
        written._attn_implementation = kernels
        told.append([kernels_of(made), kernels_of(written)])
    assert told[0] == told[1]


def test_a_kernel_is_of_a_part_of_the_config() -> None:
    for name in ("text_confg", "decoder"):
        with pytest.raises(ArgumentError, match=f"attn_implementation has '{name}'"):
            bestiary.CLIPConfig(attn_implementation={name: "eager"})


@pytest.mark.parametrize(
    "kernels",
    [
        {"text_config": "eager", "vision_config": "sdpa"},
        {"": "eager"},
        {"": "eager", "text_config": "sdpa"},
        {"vision_config": "eager"},
        {},
        "eager",
    ],
)
def test_kernels_by_part(kernels: Any) -> None:
    folder = pair("clip", "CLIPModel").folder
    ours = AutoModel.from_pretrained(folder, attn_implementation=kernels)
    theirs = transformers.CLIPModel.from_pretrained(folder, attn_implementation=kernels)
    assert kernels_of(ours) == kernels_of(theirs)
    for part, name in (("text_model", kernels_of(ours)[1]), ("vision_model", kernels_of(ours)[2])):
        assert {m.implementation for m in ours.get_submodule(part).modules() if isinstance(m, Attend)} == {name}
    for model in (ours, theirs):
        model.set_attn_implementation({"text_config": "eager"})
    assert kernels_of(ours) == kernels_of(theirs)
    with pytest.raises(ArgumentError, match="attn_implementation has 'text_confg'.*'text_config'"):
        ours.set_attn_implementation({"text_confg": "eager"})


def test_kernels_by_part_in_a_config() -> None:
    config = type(pair("clip", "CLIPModel").ours.config)
    small = pair("clip", "CLIPModel").case.config
    assert kernels_of(CLIPModel(config(**small, attn_implementation={"vision_config": "eager"}))) == ("sdpa", "sdpa", "eager")
    part = CLIPTextConfig(**small["text_config"], attn_implementation="eager")
    assert kernels_of(CLIPModel(config(**{**small, "text_config": part}))) == ("sdpa", "eager", "sdpa")


TIES = [
    ("llama", "LlamaForCausalLM", "lm_head.weight", "model.embed_tokens.weight"),
    ("t5", "T5ForConditionalGeneration", "decoder.embed_tokens.weight", "shared.weight"),
    ("bart", "BartForConditionalGeneration", "model.encoder.embed_tokens.weight", "model.shared.weight"),
]


@pytest.mark.parametrize(("family", "name", "target", "source"), TIES)
def test_sides_of_a_tie_that_differ_are_kept_apart(family: str, name: str, target: str, source: str, tmp_path: Path) -> None:
    reference, case = getattr(transformers, name), pair(family, name)
    config = {**case.case.config, "tie_word_embeddings": True}
    reference(getattr(transformers, case.case.config_class)(**config)).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors[target] = tensors[source] + 1
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    theirs = reference.from_pretrained(tmp_path)
    with pytest.warns(BestiaryWarning, match=f"ties {target} to {source}, .* each keeps its own"):
        ours = type(case.ours).from_pretrained(tmp_path)
    with torch.no_grad():
        close(ours(**case.inputs).logits, theirs(**case.reference_inputs()).logits)
    ours.tie_weights()
    assert not torch.equal(ours.get_parameter(target), ours.get_parameter(source))
    ours.save_pretrained(tmp_path / "ours")
    written = load_file(tmp_path / "ours" / "model.safetensors")
    assert torch.equal(written[target], tensors[target])
    assert torch.equal(written[source], tensors[source])


@pytest.mark.parametrize("library", [bestiary, transformers], ids=lambda library: library.__name__)
def test_the_meta_device_is_no_place_for_weights(library: Any) -> None:
    folder = pair("llama", "LlamaForCausalLM").folder
    config = library.AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        with pytest.raises(RuntimeError, match="from_config"):
            library.AutoModelForCausalLM.from_pretrained(folder)
        assert {weight.device.type for weight in library.AutoModelForCausalLM.from_config(config).parameters()} == {"meta"}
