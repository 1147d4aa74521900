"""Class attributes that trainers and accelerate read: facts of the class, and what a class of somebody's says of itself."""

from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints
from kit.families import cases, our_class

import bestiary
from bestiary.core.errors import ArgumentError


def test_kernels_are_what_the_class_computes_with() -> None:
    flags = ("_supports_sdpa", "_supports_flash_attn", "_supports_flash_attn_2", "_supports_flex_attn")
    kernels = ("sdpa", "flash_attention_2", "flash_attention_2", "flex_attention")
    for name in ("LlamaForCausalLM", "T5ForConditionalGeneration", "DeepseekV2ForCausalLM", "ViTModel"):
        kind = getattr(bestiary, name)
        assert [getattr(kind, flag) for flag in flags] == [kernel in kind.kernels for kernel in kernels]
        assert kind._supports_attention_backend
        assert kind._can_compile_fullgraph


def test_a_class_of_ones_own_says_it_itself() -> None:
    class Own(bestiary.PreTrainedModel):
        _supports_sdpa = False

    Own.__module__ = "theirs"
    assert not Own._supports_sdpa
    assert not Own._can_compile_fullgraph


@pytest.mark.parametrize(
    ("name", "folder"),
    [("LlamaForCausalLM", "llama"), ("T5ForConditionalGeneration", "t5"), ("CLIPModel", "clip"), ("BertModel", "bert")],
)
def test_inputs_are_those_of_the_reference(name: str, folder: str) -> None:
    where = checkpoints.bert(name) if folder == "bert" else vars(checkpoints)[folder]()
    models: list[Any] = [getattr(library, name).from_pretrained(where) for library in (bestiary, transformers)]
    ours, theirs = ({*([kinds] if isinstance(kinds := model.input_modalities, str) else kinds)} for model in models)
    assert ours == theirs
    tried = [model.dummy_inputs for model in models]
    assert tried[0].keys() >= {"input_ids"}
    for each, value in tried[0].items():
        assert torch.equal(value, tried[1][each])
    assert models[0].tp_plan == models[0].pp_plan == {}


def test_a_model_of_images_has_no_ids_to_try() -> None:
    config = bestiary.ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    model = bestiary.ViTModel(config)
    assert model.input_modalities == "image"
    with pytest.raises(AttributeError, match="dummy_inputs"):
        _ = model.dummy_inputs


def test_tags_are_added_once() -> None:
    model = bestiary.LlamaForCausalLM.from_pretrained(checkpoints.llama())
    assert model.model_tags is None
    model.add_model_tags("first")
    model.add_model_tags(["second", "first"])
    assert model.model_tags == ["first", "second"]
    with pytest.raises(ArgumentError, match="expected a text"):
        model.add_model_tags([1])
    assert bestiary.PreTrainedModel.model_tags is None


def test_what_must_stay_in_fp32_stays_so_in_bfloat16_too() -> None:
    class Strict(bestiary.LlamaForCausalLM):
        _keep_in_fp32_modules_strict = ["norm"]

    model = Strict.from_pretrained(checkpoints.llama(), dtype=torch.bfloat16)
    assert model.model.norm.weight.dtype == torch.float32
    assert model.lm_head.weight.dtype == torch.bfloat16


def test_the_table_of_an_automatic_class_has_its_published_name() -> None:
    assert bestiary.AutoModel._model_mapping[bestiary.BertConfig] is bestiary.BertModel


def test_what_stays_in_fp32_is_the_published() -> None:
    names, compared = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict"), 0
    for model_type, case in cases().items():
        for head in case.heads:
            published, ours = getattr(transformers, head), our_class(model_type, head)
            for name in names:
                assert sorted(getattr(ours, name)) == sorted(getattr(published, name) or []), f"{name} of {head}"
                compared += bool(getattr(ours, name))
    assert compared > 10
