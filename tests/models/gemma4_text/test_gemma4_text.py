"""Gemma 4's text half: what its configs may say, room for keys of two sizes, and embeddings without their tokens."""

from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, close, pair

from bestiary import DynamicCache, Gemma4ForCausalLM, StaticCache
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.gemma4_text import Gemma4TextConfig

TINY = cases()["gemma4_text"].config


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_kv_shared_layers": 2}, "no layer before them is of their kind: full_attention"),
        ({"num_kv_shared_layers": 3}, "full_attention, sliding_attention"),
        ({"num_kv_shared_layers": 7}, "7 of 3 layers have no keys"),
        ({"per_layer_config": {5: {"head_dim": 8}}}, "of layer 5; expected head_dim and num_key_value_heads of layers below 3"),
        ({"per_layer_config": {1: {"hidden_act": 8}}}, "says {'hidden_act': 8} of layer 1"),
        ({"per_layer_config": {1: {"head_dim": 12}, 2: {"head_dim": 8}}}, "heads of 8 in layer 2; those of a kind have one"),
        ({"per_layer_config": {0: {"num_key_value_heads": 3}}}, "4 heads of queries and 3 of keys"),
        ({"global_head_dim": 9}, "of 9 numbers; expected .* an even width"),
        ({"enable_moe_block": True}, "num_experts is None"),
        ({"enable_moe_block": True, "num_experts": 2, "top_k_experts": 3, "moe_intermediate_size": 8}, "top_k_experts is 3"),
        ({"use_bidirectional_attention": "audio"}, "'all' or 'vision'"),
    ],
)
def test_configs_that_make_no_sense(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Gemma4TextConfig(**{**TINY, **values})


def test_the_last_layer_looks_at_everything() -> None:
    with pytest.warns(BestiaryWarning, match="layer_types says 'sliding_attention'"):
        config = Gemma4TextConfig(num_hidden_layers=2, layer_types=["sliding_attention"] * 2)
    assert config.layer_types == ["sliding_attention", "full_attention"]
    assert config.per_layer_config == {1: {"head_dim": 512}}


def test_a_config_says_the_same_to_both_libraries() -> None:
    config = Gemma4TextConfig(**TINY)
    theirs = transformers.Gemma4TextConfig(**config.to_dict())
    assert {int(key): each for key, each in theirs.to_dict()["per_layer_config"].items()} == config.per_layer_config
    assert theirs.kv_sharing_modes == config.kv_sharing_modes
    assert Gemma4TextConfig.from_dict(theirs.to_dict()).per_layer_config == config.per_layer_config


def test_room_for_keys_of_two_sizes_and_none_for_layers_without() -> None:
    config = Gemma4TextConfig(**TINY)
    cache = StaticCache(config, 16, max_batch_size=2)
    assert [tuple(layer.keys.shape) for layer in cache.layers if layer.keys is not None] == [(2, 2, 4, 8), (2, 2, 16, 12)]
    assert len(cache.layers) == len(DynamicCache(config=config).layers) == 2
    with pytest.raises(ArgumentError, match=r"name \[3, 2\] layers; expected 2"):
        cache.early_initialization(2, [1, 1, 1], 8, torch.float32, "cpu")


def test_embeddings_without_their_tokens() -> None:
    models = pair("gemma4_text", "Gemma4ForCausalLM")
    ids = models.inputs["input_ids"][:1]
    embeds = models.ours.get_input_embeddings()(ids)
    with torch.no_grad():
        expected = models.ours(ids).logits
        close(models.ours(inputs_embeds=embeds).logits, expected)
        told = models.ours.model.get_per_layer_inputs(ids)
        close(models.ours(inputs_embeds=embeds, per_layer_inputs=told).logits, expected)
        close(
            models.ours(inputs_embeds=embeds + 1, per_layer_inputs=told).logits,
            models.reference(inputs_embeds=embeds + 1, per_layer_inputs=told).logits,
        )
        with pytest.raises(InputError, match="9 of the inputs_embeds are the embedding of no token.*per_layer_inputs"):
            models.ours(inputs_embeds=embeds + 1)
        with pytest.raises(InputError, match="leave them out"):
            models.ours(ids, per_layer_inputs=told)
        routed = pair("gemma4_text", "Gemma4ForCausalLM", "experts")
        ours, theirs = (each(ids, output_router_logits=True).router_logits for each in (routed.ours, routed.reference))
    close(ours, theirs)


def test_a_layer_without_keys_called_alone() -> None:
    model = pair("gemma4_text", "Gemma4TextModel").ours
    x = torch.randn(1, 3, 32)
    angles = model.rotary_emb(x, torch.arange(3)[None], "full_attention")
    with pytest.raises(ArgumentError, match="layer 2 has no keys of its own; pass shared_kv_states"):
        model.layers[2].self_attn(hidden_states=x, position_embeddings=angles, attention_mask=None)
    keys = torch.randn(1, 2, 3, 12)
    states, _ = model.layers[2].self_attn(x, angles, None, {"full_attention": (keys, keys)})
    assert states.shape == x.shape
    with pytest.raises(ArgumentError, match="pass per_layer_input"):
        model.layers[0](x, position_embeddings=model.rotary_emb(x, torch.arange(3)[None], "sliding_attention"))


def test_a_larger_vocabulary_for_the_layers_too() -> None:
    model = Gemma4ForCausalLM(Gemma4TextConfig(**TINY))
    model.resize_token_embeddings(120)
    assert model.get_per_layer_input_embeddings().weight.shape == (120, 18)
    assert model.config.vocab_size_per_layer_input == 120
    assert model(torch.tensor([[119, 3]])).logits.shape == (1, 2, 120)
