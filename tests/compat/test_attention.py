"""Attention functions of models of others, beside the published ones."""

import itertools
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

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
from bestiary.nn.registered import FUNCTIONS


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
    mine: Any = MagicMock()
    attention.AttentionInterface.register("mine", mine)
    assert functions["mine"] is functions.get_interface("mine", default) is mine
    del functions["mine"]
    assert "mine" not in FUNCTIONS


@pytest.fixture
def register() -> Iterator[Callable[[str, Any], None]]:
    """Registers a function, and the mask it gets, in both libraries; they are gone after the test."""
    tables: tuple[Any, ...] = (
        attention.ALL_ATTENTION_FUNCTIONS,
        masks_module.ALL_MASK_ATTENTION_FUNCTIONS,
        PUBLISHED._global_mapping,
        transformers.masking_utils.ALL_MASK_ATTENTION_FUNCTIONS._global_mapping,
    )
    before = [set(table) for table in tables]

    def both(name: str, function: Any, mask: str = "") -> None:
        attention.AttentionInterface.register(name, function)
        transformers.AttentionInterface.register(name, function)
        if mask:
            masks_module.AttentionMaskInterface.register(name, getattr(masks_module, mask))
            transformers.AttentionMaskInterface.register(name, getattr(transformers.masking_utils, mask))

    yield both
    for table, names in zip(tables, before, strict=True):
        for name in set(table) - names:
            del table[name]


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
def test_models_compute_what_is_registered(family: str, name: str, masks: bool, register: Any) -> None:
    models, registered = pair(family, name), f"averages-{masks}"
    register(registered, averages, "sdpa_mask" if masks else "")
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


@pytest.mark.parametrize("shows", ["all", "none", "some"])
@pytest.mark.parametrize(
    ("family", "name", "count"),
    [("llama", "LlamaModel", 2), ("bert", "BertModel", 2), ("vit", "ViTModel", 2), ("bart", "BartModel", 6)],
)
@torch.no_grad()
def test_the_weights_that_are_recorded_are_those_it_gives(
    family: str, name: str, count: int, shows: str, register: Any
) -> None:
    calls = []

    def evenly(module: Any, query: Any, key: Any, value: Any, mask: Any, **kwargs: Any) -> Any:
        calls.append(type(module).__name__)
        value = value.repeat_interleave(query.shape[1] // value.shape[1], 1)
        weights = query.new_full((*query.shape[:3], value.shape[2]), len(calls) / value.shape[2])
        mixed = (weights @ value).transpose(1, 2)
        return mixed, weights if shows == "all" or (shows == "some" and len(calls) % 2) else None

    models, registered = pair(family, name), f"evenly-{shows}"
    register(registered, evenly)
    outputs = []
    for model, inputs in ((models.ours, models.inputs), (models.reference, models.reference_inputs())):
        calls.clear()
        model.set_attn_implementation(registered)
        try:
            outputs.append(model(**inputs, output_attentions=True))
        finally:
            model.set_attn_implementation("eager" if model is models.reference else "sdpa")
        assert len(calls) == count
    ours, expected = outputs
    for field in ("attentions", "encoder_attentions", "decoder_attentions", "cross_attentions"):
        assert len(ours.get(field) or ()) == len(expected.get(field) or ())
        for weights, others in zip(ours.get(field) or (), expected.get(field) or (), strict=True):
            torch.testing.assert_close(weights, others)


def test_opening_with_what_is_registered(register: Any) -> None:
    register("halves", averages)
    model = bestiary.LlamaForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder, attn_implementation="halves")
    usual = bestiary.LlamaForCausalLM.from_pretrained(pair("llama", "LlamaForCausalLM").folder)
    ids = torch.tensor([[3]])
    assert model.config._attn_implementation == "halves"
    assert not torch.equal(model(ids).logits, usual(ids).logits)
    model.set_attn_implementation("sdpa")
    assert torch.equal(model(ids).logits, usual(ids).logits)


Calls = list[dict[str, Any]]


def listener(calls: Calls) -> Any:
    """Plain attention that keeps its keywords, adds a position bias, and multiplies the scores by `temper`."""

    def listens(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, *, temper: Any = 1.0, **kwargs: Any) -> Any:
        calls.append({"temper": temper, **kwargs})
        key, value = (each.repeat_interleave(query.shape[1] // each.shape[1], 1) for each in (key, value))
        scores = query @ key.transpose(2, 3) * kwargs["scaling"] * temper
        for term in (attention_mask, kwargs.get("position_bias")):
            scores = scores if term is None else scores + term
        return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None

    return listens


HEARD = [("llama", "LlamaForCausalLM"), ("gpt2", "GPT2LMHeadModel"), ("t5", "T5ForConditionalGeneration")]
HEARD += [("bart", "BartModel"), ("mixtral", "MixtralForCausalLM")]


@pytest.mark.parametrize(("family", "name"), HEARD)
@torch.no_grad()
def test_keywords_go_through_forward(family: str, name: str, register: Any) -> None:
    models, heard = pair(family, name), ([], [])  # type: tuple[Any, tuple[Calls, Calls]]
    outputs = []
    sides = ((models.ours, models.inputs), (models.reference, models.reference_inputs()))
    for (model, inputs), calls in zip(sides, heard, strict=True):
        register("listens", listener(calls), "eager_mask")
        model.set_attn_implementation("listens")
        try:
            outputs.append(model(**inputs, temper=1.5, words=("any",))[0])
        finally:
            model.set_attn_implementation("eager" if model is models.reference else "sdpa")
    close(*outputs, name, models.real)
    assert len(heard[0]) == len(heard[1])
    for ours, published in zip(*heard, strict=True):
        assert ours["temper"] == 1.5
        assert ours["words"] == ("any",)
        assert ours.keys() >= {key for key in published if published[key] is not None} - {"output_router_logits"}
        assert ours.get("use_cache") == published.get("use_cache", ours.get("use_cache"))
        if published.get("position_ids") is not None:
            assert torch.equal(ours["position_ids"].expand_as(published["position_ids"]), published["position_ids"])


@pytest.fixture
def small() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}
    return bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**sizes)).eval()


IDS = torch.tensor([[5, 6, 7, 8]])


def test_keywords_are_there_where_layers_are_recomputed(small: Any, register: Any) -> None:
    calls: Calls = []
    register("listens", listener(calls))
    small.set_attn_implementation("listens")
    temper, gradients = torch.tensor(1.5, requires_grad=True), []
    for recompute in (False, True):
        small.train().gradient_checkpointing_enable() if recompute else None
        small(IDS, labels=IDS, temper=temper).loss.backward()
        gradients.append(temper.grad)
        temper.grad = None
    assert len(calls) == 6
    torch.testing.assert_close(*gradients)


@torch.no_grad()
def test_a_step_of_generation_tells_its_positions(small: Any, register: Any) -> None:
    calls: Calls = []
    register("listens", listener(calls))
    small.set_attn_implementation("listens")
    small.generate(IDS, max_new_tokens=2, eos_token_id=None)
    assert calls[0]["position_ids"].tolist() == [[0, 1, 2, 3]]
    assert calls[-1]["position_ids"].tolist() == [[4]]
    assert calls[-1]["use_cache"] is True


@torch.no_grad()
def test_keywords_in_a_compiled_model(small: Any, register: Any) -> None:
    register("listens", listener([]))
    small.set_attn_implementation("listens")
    compiled = torch.compile(small, backend="eager")
    torch.testing.assert_close(compiled(IDS, temper=1.5).logits, small(IDS, temper=1.5).logits)


@torch.no_grad()
def test_what_no_attention_takes_is_refused(small: Any, register: Any) -> None:
    def takes_little(module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, dropout: float) -> Any:
        return torch.zeros_like(query).transpose(1, 2), None

    with pytest.raises(ArgumentError, match="takes no argument 'temper'"):
        small(IDS, temper=1.5)
    register("little", takes_little)
    small.set_attn_implementation("little")
    small(IDS)
    with pytest.raises(ArgumentError, match="takes no argument 'temper'"):
        small(IDS, temper=1.5)
    register("listens", listener([]))
    small.set_attn_implementation("listens")
    with pytest.warns(match=r"takes no argument 'atention_mask': only the registered attention gets it. Did you mean"):
        small(IDS, atention_mask=1.5)


@pytest.mark.parametrize("family", ["bart", "mbart"])
def test_tokens_are_shifted_as_published(family: str) -> None:
    published = import_module(f"transformers.models.{family}.modeling_{family}").shift_tokens_right
    labels, start = torch.tensor([[5, 6, 7, 2], [8, 2, -100, -100], [9, 2, 1, 1]]), (2,) if family == "bart" else ()
    assert torch.equal(family_helpers.shift_tokens_right(labels, 1, *start), published(labels, 1, *start))
