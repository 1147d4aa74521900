"""Heads cut out: the numbers of release 4.46.3, the same as with the heads masked, and whole after a save."""

import copy
import json
from pathlib import Path

import pytest
import torch
from kit import model_methods
from kit.families import close, pair

from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.modeling import families

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "model_methods.json").read_text())["pruned"]
# Models with an inside that the goldens do not have: cross-attention, a decoder.
MASKED = [
    ("bert", "BertModel"),
    ("bert", "BertLMHeadModel"),
    ("gpt2", "GPT2LMHeadModel"),
    ("t5", "T5ForConditionalGeneration"),
    ("vit", "ViTForImageClassification"),
]
STEPS = ({1: [0]}, {1: {2}, 0: [3]})
GONE = {0: [3], 1: [0, 2]}


@pytest.mark.parametrize("name", model_methods.PRUNED)
def test_numbers_of_the_reference(name: str) -> None:
    found, expected = model_methods.pruned(model_methods.Ours(), name), GOLDEN[name]
    assert found["shapes"] == expected["shapes"]
    mask = model_methods.inputs(name).get("attention_mask", torch.ones(1, 5)).bool()
    for ours, theirs in zip(found["steps"], expected["steps"], strict=True):
        assert (ours["size"], ours["pruned_heads"]) == (theirs["size"], theirs["pruned_heads"])
        outputs = [torch.tensor(step["output"]).view(*mask.shape, -1)[mask] for step in (ours, theirs)]
        close(*outputs, where=name)


@pytest.mark.parametrize(("model_type", "name"), MASKED)
@torch.no_grad()
def test_the_same_as_masked_and_whole_after_a_save(model_type: str, name: str, tmp_path: Path) -> None:
    models = pair(model_type, name)
    mask = torch.ones(2, 4)
    for layer, heads in GONE.items():
        mask[layer, heads] = 0
    pruned = copy.deepcopy(models.ours)
    for step in STEPS:
        pruned.prune_heads(step)
    output = pruned(**models.inputs)
    close(output[0], models.ours(**models.inputs, head_mask=mask)[0])
    assert pruned.config.pruned_heads == GONE
    assert pruned.num_parameters() < models.ours.num_parameters()
    pruned.save_pretrained(tmp_path)
    again = type(pruned).from_pretrained(tmp_path)
    assert again.config == pruned.config
    assert torch.equal(again(**models.inputs)[0], output[0])
    fresh = type(pruned)(again.config)
    assert {k: v.shape for k, v in fresh.state_dict().items()} == {k: v.shape for k, v in pruned.state_dict().items()}


@torch.no_grad()
def test_what_is_gone_stays_so() -> None:
    models = pair("bert", "BertModel")
    twin = copy.deepcopy(models.ours)
    twin.prune_heads({1: [0, 2]})
    size = twin.num_parameters()
    twin.prune_heads({1: [2]})
    twin.post_init()
    assert twin.num_parameters() == size
    output = twin(**models.inputs, output_attentions=True)
    assert [weights.shape[1] for weights in output.attentions] == [4, 2]
    mask = torch.tensor([1.0, 1.0, 1.0, 0.0])
    masked = models.ours(**models.inputs, head_mask=torch.stack([mask, mask * torch.tensor([0, 1, 0, 1])]))
    close(twin(**models.inputs, head_mask=mask).last_hidden_state, masked.last_hidden_state)


def test_gradients_reach_what_is_left() -> None:
    models = pair("gpt2", "GPT2LMHeadModel")
    twin = copy.deepcopy(models.ours)
    twin.prune_heads({0: [1]})
    twin(**models.inputs, labels=models.inputs["input_ids"]).loss.backward()
    weight = twin.transformer.h[0].attn.c_attn.weight
    assert weight.shape == (32, 72)
    assert weight.grad.abs().sum() > 0


def test_generation_with_every_cache() -> None:
    models = pair("gpt2", "GPT2LMHeadModel")
    twin = copy.deepcopy(models.ours)
    twin.prune_heads({0: [1, 2]})
    ids = models.inputs["input_ids"][:1]
    answers = [
        twin.generate(ids, max_new_tokens=4, do_sample=False, **options).tolist()
        for options in ({"use_cache": False}, {"use_cache": True}, {"cache_implementation": "static"})
    ]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({2: [0]}, "layers go from 0 to 1"),
        ({0: [4]}, "heads go from 0 to 3"),
        ({0: [-1]}, "heads go from 0 to 3"),
        ({"0": [1]}, "no layer '0'"),
        ({0: [0, 1, 2, 3]}, "all 4 heads of layer 0"),
    ],
)
def test_heads_that_cannot_go_are_refused(asked: dict[int, list[int]], text: str) -> None:
    twin = copy.deepcopy(pair("bert", "BertModel").ours)
    with pytest.raises(InputError, match=text):
        twin.prune_heads(asked)
    assert twin.config.pruned_heads == {}


def test_families_without_it_say_so() -> None:
    models = pair("llama", "LlamaModel")
    with pytest.raises(ArgumentError, match="LlamaModel cannot prune heads"):
        models.ours.prune_heads({0: [1]})
    config = copy.deepcopy(models.ours.config)
    config.pruned_heads = {0: [1]}
    with pytest.raises(ArgumentError, match="cannot prune heads"):
        type(models.ours)(config)
    with pytest.raises(ConfigError, match="pruned_heads is"):
        families.class_named("BertConfig")(pruned_heads={"a": 3})
