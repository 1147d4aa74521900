"""Layers that were added, repeated, cut or counted otherwise after a model was opened: numbers as published."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import bestiary
from bestiary.core.errors import ConfigError, InputError

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GPT2: dict[str, Any] = {"n_embd": 16, "n_layer": 3, "n_head": 2, "vocab_size": 50, "initializer_range": 0.3}
GPT2 |= {"bos_token_id": 1, "eos_token_id": 2}
BART: dict[str, Any] = {"d_model": 16, "vocab_size": 50, "encoder_layers": 2, "decoder_layers": 2, "init_std": 0.3}
BART |= {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2}


def put(
    order: tuple[int, ...], count: int | None = None, kinds: bool = False, path: str = "model.layers"
) -> Callable[[Any], None]:
    """Layers of these numbers, each a copy, and a config that says `count`."""

    def change(model: Any) -> None:
        layers = [copy.deepcopy(model.model.layers[number]) for number in order]
        for index, layer in enumerate(layers):
            layer.self_attn.layer_idx = index
        model.model.layers = nn.ModuleList(layers)
        if count is not None:
            model.config.num_hidden_layers = count
        if kinds:
            model.config.layer_types = [model.config.layer_types[number] for number in order]

    return change


def repeat(path: str) -> Callable[[Any], None]:
    """One layer stands in the list twice."""

    def change(model: Any) -> None:
        layers = model.get_submodule(path)
        layers.append(layers[0])

    return change


def say(**values: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        for name, value in values.items():
            setattr(model.config, name, value)

    return change


CHANGES: dict[str, tuple[str, dict[str, Any], Callable[[Any], None]]] = {
    "one more": ("LlamaForCausalLM", SIZES, put((0, 1, 2, 1), 4)),
    "merged with itself": ("LlamaForCausalLM", SIZES, put((0, 1, 0, 1, 2), 5)),
    "with kinds": ("Qwen2ForCausalLM", SIZES, put((0, 1, 0, 1, 2), 5, kinds=True)),
    "fewer": ("LlamaForCausalLM", SIZES, put((0, 2))),
    "counted by the config": ("LlamaForCausalLM", SIZES, say(num_hidden_layers=1)),
    "counted beside kinds": ("Qwen2ForCausalLM", SIZES, say(num_hidden_layers=1)),
    "a layer twice": ("GPT2LMHeadModel", GPT2, repeat("transformer.h")),
    "an encoder's layer twice": ("BartForConditionalGeneration", BART, repeat("model.encoder.layers")),
    "another window": ("MistralForCausalLM", {**SIZES, "sliding_window": 4}, say(sliding_window=2)),
    "a window at last": ("MistralForCausalLM", {**SIZES, "sliding_window": None}, say(sliding_window=2)),
}


@torch.no_grad()
@pytest.mark.parametrize("name", CHANGES)
def test_numbers_and_tokens(name: str, tmp_path: Path) -> None:
    kind, sizes, change = CHANGES[name]
    torch.manual_seed(0)
    theirs = getattr(transformers, kind)(getattr(transformers, kind).config_class(**sizes)).eval()
    theirs.save_pretrained(tmp_path)
    ours = getattr(bestiary, kind).from_pretrained(tmp_path).eval()
    before, ids = ours(torch.arange(5, 17).view(2, 6)).logits, torch.arange(5, 17).view(2, 6)
    change(ours)
    change(theirs)
    torch.testing.assert_close(ours(ids, use_cache=False).logits, theirs(ids, use_cache=False).logits, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(before, ours(ids, use_cache=False).logits, atol=1e-3)
    if "twice" not in name:  # both copies would write to one place of a cache
        options: dict[str, Any] = {"max_new_tokens": 4, "do_sample": False, "attention_mask": torch.ones_like(ids)}
        assert ours.generate(ids, **options).tolist() == theirs.generate(ids, **options).tolist()


def test_layers_of_which_nobody_says_the_kind() -> None:
    config = bestiary.AutoConfig.for_model("gemma2", **SIZES, head_dim=8, sliding_window=4)
    model = bestiary.AutoModelForCausalLM.from_config(config)
    model.model.layers.append(copy.deepcopy(model.model.layers[0]))
    ids = torch.arange(5, 11)[None]
    assert model(ids).logits.shape == (1, 6, 50)  # the config counts 3 layers
    model.config.num_hidden_layers = 4
    with pytest.raises((ConfigError, InputError), match="layer_types names 3 layers, and num_hidden_layers is 4"):
        model(ids)


@pytest.mark.parametrize("count", ["2", None, 1.0], ids=str)
def test_a_number_of_layers_that_is_none(count: Any) -> None:
    model = bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**SIZES)).eval()
    model.config.num_hidden_layers = count
    with pytest.raises(InputError, match=rf"num_hidden_layers is {count!r}; expected a number of layers, such as 3"):
        model(torch.tensor([[1, 2]]))
