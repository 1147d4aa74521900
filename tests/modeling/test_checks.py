"""Input that cannot be right is refused in words, by every family, and correct input is looked at no more than it must be."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from kit.families import pair
from torch.func import functional_call, grad, stack_module_state, vmap

from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.cache.kinds.static import StaticCache
from bestiary.core.errors import ArgumentError, InputError, OutOfVocabulary
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.modeling.checks import check_tokens

# A model of every family that reads tokens: (model_type, class, what its tokens are called, and their mask).
READERS = [
    ("bert", "BertModel", "input_ids", "attention_mask"),
    ("clip", "CLIPModel", "input_ids", "attention_mask"),
    ("gpt2", "GPT2LMHeadModel", "input_ids", "attention_mask"),
    ("llama", "LlamaForCausalLM", "input_ids", "attention_mask"),
    ("t5", "T5ForConditionalGeneration", "input_ids", "attention_mask"),
    ("whisper", "WhisperForConditionalGeneration", "decoder_input_ids", "decoder_attention_mask"),
]
IDS: list[tuple[str, Callable[[torch.Tensor], Any], str]] = [
    ("list", lambda ids: ids.tolist(), "is a list; expected a tensor"),
    ("float", lambda ids: ids.float(), "of torch.float32; expected whole numbers"),
    ("bool", lambda ids: ids > 5, "of torch.bool; expected whole numbers"),
    ("0-d", lambda ids: ids[0, 0], "shape \\(\\); expected \\(batch, tokens\\); for a single token"),
    ("1-d", lambda ids: ids[0], "expected \\(batch, tokens\\); for a single text"),
    ("3-d", lambda ids: ids[None], "expected \\(batch, tokens\\)"),
    ("empty", lambda ids: ids[:, :0], "at least one token"),
    ("negative", lambda ids: ids - 50, "outside of the vocabulary of 99"),
    ("large", lambda ids: ids + 99, "outside of the vocabulary of 99"),
]
MASKS: list[tuple[str, Callable[[torch.Tensor], Any], str]] = [
    ("list", lambda mask: mask.tolist(), "^{mask} is a list"),
    ("rows", lambda mask: mask[:2], "{mask} has 2 rows and {ids} 3"),
    ("longer", lambda mask: torch.cat([mask, mask], 1), "^{mask} covers"),
    ("shorter", lambda mask: mask[:, 1:], "^{mask} covers"),
    ("1-d", lambda mask: mask[0], "expected \\(batch, keys\\) or 4 dimensions"),
    ("4-d whole numbers", lambda mask: torch.ones(3, 1, mask.shape[1], mask.shape[1], dtype=torch.long), "may mean two things"),
]


def given(model_type: str, name: str, ids: str, mask: str) -> tuple[Any, dict[str, Any]]:
    models = pair(model_type, name)
    inputs = dict(models.inputs)
    inputs.setdefault(mask, torch.ones_like(inputs[ids]))
    return models.ours, inputs


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader[0])
@pytest.mark.parametrize(("change", "text"), [row[1:] for row in IDS], ids=[row[0] for row in IDS])
@torch.no_grad()
def test_ids_that_are_none(reader: tuple[str, ...], change: Callable[[torch.Tensor], Any], text: str) -> None:
    model, inputs = given(*reader)
    with pytest.raises(InputError, match=f"^{reader[2]} .*{text}"):
        model(**{**inputs, reader[2]: change(inputs[reader[2]])})


@torch.no_grad()
def test_an_id_outside_of_the_vocabulary_is_the_published_error_too() -> None:
    models = pair("llama", "LlamaForCausalLM")
    ids = models.inputs["input_ids"] + 99
    for model in (models.ours, models.reference):
        with pytest.raises(IndexError):
            model(ids)
    with pytest.raises(OutOfVocabulary) as refused:
        models.ours(ids)
    assert isinstance(refused.value, InputError)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader[0])
@pytest.mark.parametrize(("change", "text"), [row[1:] for row in MASKS], ids=[row[0] for row in MASKS])
@torch.no_grad()
def test_masks_that_are_none(reader: tuple[str, ...], change: Callable[[torch.Tensor], Any], text: str) -> None:
    model, inputs = given(*reader)
    mask = inputs[reader[3]].masked_fill(torch.zeros_like(inputs[reader[3]]).bool(), 0)
    mask[1, -1] = 0
    with pytest.raises(InputError, match=text.format(ids=reader[2], mask=reader[3])):
        model(**{**inputs, reader[3]: change(mask)})


@torch.no_grad()
def test_masks_of_every_dtype_mean_the_same() -> None:
    model, inputs = given(*READERS[3])
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    logits = [model(ids, mask.to(dtype)).logits for dtype in (torch.long, torch.int32, torch.float32, torch.bool)]
    assert all(torch.equal(logits[0], other) for other in logits[1:])


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"position_ids": torch.arange(9)[None] - 3}, "position_ids hold -3"),
        ({"position_ids": torch.arange(9.0)[None]}, "position_ids are of torch.float32"),
        ({"position_ids": torch.arange(11)[None]}, "position_ids have shape \\(1, 11\\) beside input_ids of \\(3, 9\\)"),
        ({"token_type_ids": torch.zeros(3, 8).long()}, "token_type_ids have shape \\(3, 8\\)"),
        ({"token_type_ids": torch.full((3, 9), 77)}, "token_type_ids hold 77; this model knows 2 of them, 0 to 1"),
        ({"position_ids": torch.arange(9)[None] + 70}, "79 positions, and this model knows 16"),
    ],
)
def test_companions_that_do_not_fit(inputs: dict[str, torch.Tensor], text: str) -> None:
    model = pair("bert", "BertModel").ours
    with pytest.raises(InputError, match=text):
        model(torch.full((3, 9), 7), **inputs)


@pytest.mark.parametrize(
    ("embeds", "text"),
    [
        (torch.zeros(3, 9, 16), "\\(3, 9, 16\\); expected \\(batch, tokens, 32\\)"),
        (torch.zeros(9, 32), "\\(9, 32\\); expected \\(batch, tokens, 32\\)"),
        (torch.zeros(3, 9, 32).long(), "of torch.int64; expected torch.float32"),
    ],
)
@pytest.mark.parametrize(
    "reader", [("bert", "BertModel"), ("gpt2", "GPT2Model"), ("llama", "LlamaModel"), ("t5", "T5EncoderModel")]
)
def test_embeddings_that_do_not_fit(reader: tuple[str, str], embeds: torch.Tensor, text: str) -> None:
    with pytest.raises(InputError, match=text):
        pair(*reader).ours(inputs_embeds=embeds)


def test_other_type_errors_stay_what_they_are() -> None:
    with pytest.raises(TypeError, match="positional") as caught:
        pair("llama", "LlamaForCausalLM").ours(*[torch.ones(1, 2).long()] * 15)
    assert not isinstance(caught.value, ArgumentError)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda ids: ids[:, 1:], "labels have shape \\(3, 8\\); expected \\(3, 9\\)"),
        (lambda ids: ids[:2], "labels have shape \\(2, 9\\)"),
        (lambda ids: ids.t(), "labels have shape \\(9, 3\\)"),
        (lambda ids: ids + 99, "classes go from 0 to 98"),
        (lambda ids: ids - 100, "-100 is ignored"),
        (lambda ids: ids.float(), "labels are of torch.float32"),
        (lambda ids: ids.tolist(), "labels are a list"),
    ],
)
@pytest.mark.parametrize(
    "name", [("bert", "BertForMaskedLM"), ("llama", "LlamaForCausalLM"), ("t5", "T5ForConditionalGeneration")]
)
def test_labels_of_tokens_that_do_not_fit(name: tuple[str, str], change: Callable[[torch.Tensor], Any], text: str) -> None:
    models = pair(*name)
    decoder = {"decoder_input_ids": models.inputs["input_ids"]} if name[0] == "t5" else {}
    with pytest.raises(InputError, match=text):
        models.ours(**{**models.inputs, **decoder}, labels=change(models.inputs["input_ids"].clamp(max=98)))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (torch.tensor([0, 1]), "expected \\(3,\\)"),
        (torch.tensor([0, 1, 3]), "labels hold 3; classes go from 0 to 2"),
        (torch.tensor([0, -1, 2]), "labels hold -1"),
        (torch.zeros(3, 5), "labels have shape \\(3, 5\\); expected \\(3, 3\\)"),
        ([0, 1, 2], "labels are a list"),
    ],
)
def test_labels_of_texts_that_do_not_fit(labels: Any, text: str) -> None:
    models = pair("bert", "BertForSequenceClassification")
    twin = copy.deepcopy(models.ours)
    with pytest.raises(InputError, match=text):
        twin(**models.inputs, labels=labels)


def test_logits_to_keep_counts_from_the_end() -> None:
    models = pair("llama", "LlamaForCausalLM")
    with pytest.raises(InputError, match="logits_to_keep is -3"):
        models.ours(**models.inputs, logits_to_keep=-3)


def test_a_tuple_is_no_cache() -> None:
    models = pair("llama", "LlamaForCausalLM")
    with pytest.raises(InputError, match="from_legacy_cache"):
        models.ours(torch.tensor([[7]]), past_key_values=((torch.zeros(1, 2, 1, 8),) * 2,))


@torch.no_grad()
def test_a_mask_covers_what_the_cache_holds() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    ids = torch.tensor([[7, 8, 9, 10]])
    for cache in (DynamicCache(), StaticCache(model.config, 8)):
        model(ids, past_key_values=cache)
        for length in (1, 4, 6, 20):
            with pytest.raises(InputError, match=f"covers {length} positions, but attention sees 5"):
                model(ids[:, :1], torch.ones(1, length).long(), past_key_values=cache)
        expected = model(torch.cat([ids, ids[:, :1]], 1)).logits[:, -1]
        torch.testing.assert_close(model(ids[:, :1], torch.ones(1, 5).long(), past_key_values=cache).logits[:, -1], expected)


@torch.no_grad()
@pytest.mark.parametrize(
    "name", [("llama", "LlamaForCausalLM"), ("gpt2", "GPT2LMHeadModel"), ("t5", "T5ForConditionalGeneration")]
)
@torch.no_grad()
def test_a_greedy_loop_of_ones_own_may_count_slots(name: tuple[str, str]) -> None:
    """`cache_position` of older loops says what the cache knows; left padding counts."""
    model, whole = pair(*name).ours, name[0] == "t5"
    mask = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
    ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 10]])
    key, more = ("decoder_input_ids", {"input_ids": ids, "attention_mask": mask}) if whole else ("input_ids", {})
    newest, made = (torch.zeros(2, 1, dtype=torch.int64) if whole else ids), []
    cache, slots = None if whole else DynamicCache(), torch.arange(newest.shape[1])
    for _ in range(4):
        given = {key: newest, **(more or {"attention_mask": mask})}
        output = model(**given, past_key_values=cache, cache_position=slots, use_cache=True)
        cache, newest = output.past_key_values, output.logits[:, -1:].argmax(-1)
        made.append(newest)
        mask, slots = mask if whole else torch.cat([mask, mask[:, -1:]], dim=1), slots[-1:] + 1
    inputs = {"input_ids": ids, "attention_mask": more.get("attention_mask", mask[:, :4])}
    assert torch.equal(torch.cat(made, dim=1), model.generate(**inputs, max_new_tokens=4, eos_token_id=[])[:, -4:])
    for wrong, text in ((slots.float(), "of torch.float32"), (3, "a int")):
        with pytest.raises(InputError, match=f"cache_position is {text}"):
            model(**{key: newest, **(more or {"attention_mask": mask})}, past_key_values=cache, cache_position=wrong)


def test_cache_position_is_nothing_to_an_encoder() -> None:
    with pytest.raises(ArgumentError, match="'cache_position'"):
        pair("clip", "CLIPTextModel").ours(torch.tensor([[5, 6]]), cache_position=torch.arange(2))


def test_a_static_cache_may_have_a_mask_over_all_its_slots() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    ids, mask = torch.tensor([[0, 8, 9, 10]]), torch.tensor([[0, 1, 1, 1, 1, 1, 1, 1]])
    cache = StaticCache(model.config, 8)
    first = model(ids, mask, past_key_values=cache).logits
    second = model(ids[:, 1:2], mask, past_key_values=cache).logits
    whole = model(torch.cat([ids, ids[:, 1:2]], 1), mask[:, :5]).logits
    torch.testing.assert_close(torch.cat([first, second], 1)[:, 1:], whole[:, 1:])


def test_beyond_the_positions_a_model_was_made_for() -> None:
    models = pair("llama", "LlamaModel")
    limit = models.ours.config.max_position_embeddings
    ids = torch.full((1, limit), 7)
    with torch.no_grad():
        cache = models.ours(ids, use_cache=True).past_key_values
        padded = torch.ones(1, limit + 2).long()
        padded[:, :2] = 0
        for mask in (padded, padded.flip(1)):
            models.ours(torch.full((1, limit + 2), 7), mask)
        forget_warnings()
        with pytest.warns(BestiaryWarning, match=f"has {limit + 1} tokens, and this model was made for {limit}"):
            models.ours(ids[:, :1], past_key_values=cache)
        forget_warnings()
        with pytest.warns(BestiaryWarning, match=f"has {limit + 4} tokens"):
            models.ours(torch.full((1, limit + 4), 7))
        for scaling in ({"rope_type": "dynamic", "factor": 2.0}, {"rope_type": "linear", "factor": 2.0}):
            config = copy.deepcopy(models.ours.config)
            config.rope_parameters = {"rope_theta": 10000.0, **scaling}
            forget_warnings()
            type(models.ours)(config)(torch.full((1, limit + 4), 7))


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # some operations vmap does one by one
def test_models_work_where_numbers_cannot_be_looked_at() -> None:
    """Under vmap, over weights and over inputs, with gradients of each example, and on the meta device."""
    models = pair("llama", "LlamaForCausalLM")
    model, ids, mask = copy.deepcopy(models.ours), models.inputs["input_ids"], models.inputs["attention_mask"]
    weights = dict(model.named_parameters())

    def logits(weights: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return functional_call(model, weights, (ids, mask), {"use_cache": False}).logits

    def loss(weights: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return functional_call(model, weights, (ids[None], mask[None]), {"labels": ids[None], "use_cache": False}).loss

    expected = model(ids, mask).logits
    stacked, _ = stack_module_state([model, model])
    torch.testing.assert_close(vmap(logits, (0, None, None))(stacked, ids, mask)[1], expected)
    torch.testing.assert_close(vmap(logits, (None, 0, 0))(weights, ids[:, None], mask[:, None])[:, 0], expected)
    of_each = vmap(grad(loss), (None, 0, 0))(weights, ids, mask)
    assert of_each["lm_head.weight"].shape == (3, *model.lm_head.weight.shape)
    on_meta = copy.deepcopy(model).to("meta")
    assert on_meta(ids.to("meta"), mask.to("meta"), labels=ids.to("meta")).logits.shape == expected.shape
    with pytest.raises(InputError, match="on the meta device and hold nothing"):
        model(ids.to("meta"))


def test_a_decoding_step_looks_at_no_number() -> None:
    class Unreadable(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(func, "__name__", "")
            assert name in ("__get__",), name
            return super().__torch_function__(func, types, args, kwargs or {})

    token = torch.tensor([[500000]]).as_subclass(Unreadable)
    check_tokens(pair("llama", "LlamaModel").ours, (token, token), {})
    with pytest.raises(AssertionError):
        check_tokens(pair("llama", "LlamaModel").ours, (torch.tensor([[5, 6]]).as_subclass(Unreadable),), {})


@pytest.mark.parametrize("value", ["dynamic", 5, {"keys": 1}, torch.zeros(1)], ids=type)
@pytest.mark.parametrize("name", [("llama", "LlamaForCausalLM"), ("bart", "BartModel"), ("gpt2", "GPT2Model")])
def test_what_is_no_cache(name: tuple[str, str], value: Any) -> None:
    with pytest.raises(InputError, match="past_key_values is .*; expected a cache, such as DynamicCache"):
        pair(*name).ours(torch.tensor([[5, 6]]), past_key_values=value)
