"""Attention functions of models of others, beside the published ones."""

import itertools
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from kit.families import close, pair
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as PUBLISHED
from transformers.models.llama.modeling_llama import eager_attention_forward

import bestiary
from bestiary.compat import attention, family_helpers
from bestiary.compat import masks as masks_module
from bestiary.core.errors import ArgumentError


def masks(dtype: torch.dtype) -> list[torch.Tensor | None]:
    """None, and a mask as booleans and as numbers."""
    allowed = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    allowed[0, :, 1:, 0] = False
    return [None, allowed, torch.zeros(2, 1, 5, 5, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)]


def module(groups: int, causal: bool = True) -> Any:
    """What an attention module of others shows to its function."""
    part = torch.nn.Module().eval()
    part.num_key_value_groups, part.is_causal = groups, causal
    return part


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_sdpa(groups: int, scaling: float | None) -> None:
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 4 // groups, 5, 8), torch.randn(2, 4 // groups, 5, 8)
    for mask, causal, told in itertools.product(masks(query.dtype), (True, False), (None, True, False)):
        answers = [
            functions["sdpa"](module(groups, causal), query, key, value, mask, scaling=scaling, is_causal=told)
            for functions in (attention.ALL_ATTENTION_FUNCTIONS, PUBLISHED)
        ]
        torch.testing.assert_close(answers[0][0], answers[1][0])
        assert answers[0][1] is answers[1][1] is None


@pytest.mark.parametrize("groups", [1, 2])
def test_eager(groups: int) -> None:
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 4 // groups, 5, 8), torch.randn(2, 4 // groups, 5, 8)
    for mask in (None, masks(query.dtype)[2]):
        answers = [
            function(module(groups), query, key, value, mask, scaling=0.3)
            for function in (attention.eager_attention_forward, eager_attention_forward)
        ]
        for one, other in zip(*answers, strict=True):
            torch.testing.assert_close(one, other)


def test_one_query_sees_all_keys() -> None:
    query, key, value = torch.randn(2, 4, 1, 8), torch.randn(2, 4, 5, 8), torch.randn(2, 4, 5, 8)
    answers = [
        functions["sdpa"](module(1), query, key, value, None)[0] for functions in (attention.ALL_ATTENTION_FUNCTIONS, PUBLISHED)
    ]
    torch.testing.assert_close(*answers)


def test_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = attention.AttentionInterface()
    monkeypatch.setattr(attention, "ALL_ATTENTION_FUNCTIONS", functions)
    assert set(functions.valid_keys()) <= set(PUBLISHED.valid_keys())
    for table, error in ((functions, ArgumentError), (PUBLISHED, KeyError)):
        default: Any = object()
        assert table.get_interface("eager", default) is default
        assert table.get_interface("sdpa", default) is table["sdpa"]
        with pytest.raises(error, match="sdpaa"):
            table.get_interface("sdpaa", default)
    mine: Any = SimpleNamespace()
    attention.AttentionInterface.register("mine", mine)
    assert functions["mine"] is functions.get_interface("mine", default) is mine


def averages(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: Any = None, **kwargs: Any) -> Any:
    """What users register: another attention, with the mask that was made for it."""
    groups = module.num_key_value_groups if hasattr(module, "num_key_value_groups") else 1
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    causal = attention_mask is None and query.shape[2] > 1 and module.is_causal
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, attention_mask, scale=scaling, is_causal=causal)
    return mixed.transpose(1, 2).contiguous() * 0.5, None


@pytest.mark.parametrize(("family", "name"), [("llama", "LlamaForCausalLM"), ("bert", "BertModel"), ("bart", "BartModel")])
@pytest.mark.parametrize("masks", [True, False])
@torch.no_grad()
def test_models_compute_what_is_registered(family: str, name: str, masks: bool) -> None:
    models, registered = pair(family, name), f"averages-{masks}"
    sides: list[Any] = [
        (attention.AttentionInterface, masks_module.AttentionMaskInterface, masks_module.sdpa_mask),
        (transformers.AttentionInterface, transformers.AttentionMaskInterface, transformers.masking_utils.sdpa_mask),
    ]
    for functions, mask_functions, sdpa_mask in sides:
        functions.register(registered, averages)
        if masks:
            mask_functions.register(registered, sdpa_mask)
    outputs = []
    for model, inputs in ((models.ours, models.inputs), (models.reference, models.reference_inputs())):
        if not masks:  # a function that gets no mask sees everything, or all before it
            inputs = {name: value.clamp(min=5) for name, value in inputs.items() if name.endswith("input_ids")}
        model.set_attn_implementation(registered)
        try:
            outputs.append(model(**inputs)[0])
        finally:
            model.set_attn_implementation("eager" if model is models.reference else "sdpa")
        usual = model(**inputs)[0]
        assert (outputs[-1] - usual).abs().max() > 1e-3
    close(*outputs, name, models.real if masks else None)


def test_opening_with_what_is_registered(tmp_path: Any) -> None:
    attention.ALL_ATTENTION_FUNCTIONS["halves"] = averages
    model = bestiary.LlamaForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, attn_implementation="halves")
    usual = bestiary.LlamaForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder)
    ids = torch.tensor([[3]])
    assert model.config._attn_implementation == "halves"
    assert not torch.equal(model(ids).logits, usual(ids).logits)
    model.set_attn_implementation("sdpa")
    assert torch.equal(model(ids).logits, usual(ids).logits)


@pytest.mark.parametrize("family", ["bart", "mbart"])
def test_tokens_are_shifted_as_published(family: str) -> None:
    published = import_module(f"transformers.models.{family}.modeling_{family}").shift_tokens_right
    labels, start = torch.tensor([[5, 6, 7, 2], [8, 2, -100, -100], [9, 2, 1, 1]]), (2,) if family == "bart" else ()
    assert torch.equal(family_helpers.shift_tokens_right(labels, 1, *start), published(labels, 1, *start))
