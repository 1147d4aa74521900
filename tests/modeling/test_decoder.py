"""The floor of decoders: what layers of each kind look at and how they turn, whatever family stacks them."""

from typing import ClassVar

import pytest
import torch
from kit.families import close, tokens
from kit.filled import fill

from bestiary.cache import DynamicCache, StaticCache
from bestiary.core.errors import ConfigError
from bestiary.modeling.decoder_config import DecoderConfig
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaModel
from bestiary.nn.layer import Layer
from bestiary.nn.masks import make_mask

SIZES = {"vocab_size": 99, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0}  # fmt: skip


class KindsConfig(DecoderConfig):
    """Layers of several kinds."""

    model_type: ClassVar[str] = "kinds"

    layer_types: list[str] | None = None
    sliding_window: int | None = None
    attention_chunk_size: int | None = None


class KindsModel(LlamaModel):
    """Llama's layers, of several kinds."""

    config_class = KindsConfig


KINDS = {"layer_types": ["sliding_attention", "chunked_attention", "full_attention"], "sliding_window": 3,
         "attention_chunk_size": 4}  # fmt: skip


def model(**values):
    return fill(KindsModel(KindsConfig(**{**SIZES, **values}))).eval()


def test_kinds_of_layers_are_what_the_family_declares():
    assert LlamaConfig(num_hidden_layers=2, sliding_window=4).layer_kinds() == ("full_attention",) * 2  # not Llama's field
    assert KindsConfig(num_hidden_layers=2, sliding_window=4).layer_kinds() == ("sliding_attention",) * 2
    assert KindsConfig(**{**SIZES, **KINDS}).layer_kinds() == tuple(KINDS["layer_types"])
    with pytest.raises(ConfigError, match="layer_types names 3 layers, and num_hidden_layers is 2"):
        KindsConfig(**{**KINDS, "num_hidden_layers": 2}).layer_kinds()
    with pytest.raises(ConfigError, match="layers of chunked_attention, and attention_chunk_size is None"):
        model(**{**KINDS, "attention_chunk_size": None})


@pytest.mark.parametrize("kind", ["sliding_attention", "chunked_attention", "full_attention"])
@torch.no_grad()
def test_a_layer_looks_as_far_as_its_kind_says(kind):
    ours = model(**{**KINDS, "layer_types": [kind] * 3})
    torch.manual_seed(0)
    inputs = tokens(side="left", length=11)
    real = inputs["attention_mask"].bool()
    query, key = (real.cumsum(-1) - 1)[:, :, None], (real.cumsum(-1) - 1)[:, None, :]
    allowed = (key <= query) & real[:, None, :]
    if kind == "sliding_attention":
        allowed &= key > query - 3
    if kind == "chunked_attention":
        allowed &= key // 4 == query // 4
    explicit = allowed | torch.eye(11, dtype=torch.bool)
    positions = (real.cumsum(-1) - 1).clamp(min=0)
    expected = ours(inputs["input_ids"], explicit[:, None], position_ids=positions).last_hidden_state
    close(ours(**inputs).last_hidden_state[real], expected[real])


@pytest.mark.parametrize("sizes", [[1] * 11, [3, 1, 5, 2]], ids=str)
@torch.no_grad()
def test_layers_of_several_kinds_go_on_from_a_cache(sizes):
    ours = model(**KINDS)
    torch.manual_seed(0)
    inputs = tokens(side="left", length=11)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    for cache in (DynamicCache(), DynamicCache(config=ours.config), StaticCache(ours.config, 12)):
        states, start = [], 0
        for size in sizes:
            part = {"input_ids": ids[:, start : start + size], "attention_mask": mask[:, : start + size]}
            states.append(ours(**part, past_key_values=cache).last_hidden_state)
            start += size
        close(torch.cat(states, 1)[mask.bool()], ours(**inputs).last_hidden_state[mask.bool()])


@torch.no_grad()
def test_layers_of_two_kinds_turn_by_two_tables():
    full, sliding = ({"rope_type": "default", "rope_theta": theta} for theta in (1e6, 1e4))
    both = {"layer_types": ["full_attention", "sliding_attention", "full_attention"], "sliding_window": 64}
    ours = model(**both, rope_parameters={"full_attention": full, "sliding_attention": sliding})
    inputs = tokens(length=9)
    alike = model(**both, rope_parameters=full)
    assert len(set(alike.rotary_emb.values())) == 1
    assert len(set(ours.rotary_emb.values())) == 2
    states = ours(**inputs, output_hidden_states=True).hidden_states
    same = alike(**inputs, output_hidden_states=True).hidden_states
    close(states[1], same[1])
    assert not torch.allclose(states[2], same[2], atol=1e-3)
    with pytest.raises(ConfigError, match="tables for full_attention, and none for sliding_attention"):
        model(**both, rope_parameters={"full_attention": full})


def test_a_part_of_a_head_turns():
    config = DecoderConfig(**SIZES, partial_rotary_factor=0.5)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
    assert "partial_rotary_factor" not in config.to_dict()
    with pytest.raises(ConfigError, match=r"partial_rotary_factor is 0\.1, so 0 of the 8 numbers of a head turn"):
        DecoderConfig(**SIZES, partial_rotary_factor=0.1)


def test_a_pattern_of_windows_is_a_number_of_layers():
    from bestiary import Cohere2Config, PhimoeConfig

    config = Cohere2Config(**SIZES, sliding_window_pattern=2)
    assert config.layer_types == ["sliding_attention", "full_attention", "sliding_attention"]
    assert "sliding_window_pattern" not in config.to_dict()
    for pattern in (0, "two"):
        with pytest.raises(ConfigError, match=f"Cohere2Config: sliding_window_pattern is {pattern!r}; expected a whole number"):
            Cohere2Config(**SIZES, sliding_window_pattern=pattern)
    with pytest.raises(ConfigError, match="num_local_experts is 1; the router chooses two"):
        PhimoeConfig(**SIZES, num_local_experts=1, num_experts_per_tok=1)


def test_a_layer_with_a_state_gets_the_padding_of_the_new_tokens():
    ours = model(**{**KINDS, "layer_types": ["mamba", "full_attention", "full_attention"]})
    x, padding = torch.zeros(2, 3, 32), torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 0]])
    mask = ours.layer_mask(0, x, padding, DynamicCache())
    assert (mask.queries, mask.keys, mask.causal) == (3, 3, False)
    assert mask.padding.tolist() == [[True, True, True], [True, True, False]]


class Remembering(Layer):
    """A block that looks at a memory."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4))

    def forward(self, x, mask, cache, *, memory=None):
        return x * self.weight + memory


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputing_gives_keywords_their_gradients(reentrant):
    layer, memory = Remembering().train(), torch.zeros(1, 2, 4, requires_grad=True)
    layer.recompute = {"use_reentrant": reentrant}
    x = torch.ones(1, 2, 4, requires_grad=True)
    layer(x, make_mask(2, x.device), None, memory=memory * 2).sum().backward()
    assert memory.grad.eq(2).all()
    assert layer.weight.grad.eq(2).all()
