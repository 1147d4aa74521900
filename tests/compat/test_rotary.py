"""The rotary pieces under their old names, beside the reference's."""

import importlib
from typing import Any

import pytest
import torch
import transformers
from transformers import modeling_rope_utils
from transformers.models.llama import modeling_llama as published

from bestiary.compat import rotary
from bestiary.compat.names import RENAMED
from bestiary.compat.part_names import ROTARY_BY_HALVES
from bestiary.core.errors import ConfigError
from bestiary.modeling.config import PreTrainedConfig
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaModel

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "max_position_embeddings": 16}
SCALINGS = [
    None,
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
]


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda value: value["rope_type"] if value else "default")
def test_angles(scaling: dict[str, float] | None) -> None:
    scaling = scaling and {"rope_theta": 10000.0, **scaling}
    theirs = published.LlamaRotaryEmbedding(transformers.LlamaConfig(**SIZES, rope_parameters=scaling and dict(scaling)))
    ours = rotary.LlamaRotaryEmbedding(LlamaConfig(**SIZES, rope_parameters=scaling))
    torch.testing.assert_close(ours.inv_freq, theirs.inv_freq)
    x, positions = torch.zeros(2, 12, 32), torch.arange(12)[None]
    for mine, other in zip(ours(x, positions), theirs(x, positions), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("dim", [1, 2])
def test_turning(dim: int) -> None:
    shape = (2, 4, 12, 8) if dim == 1 else (2, 12, 4, 8)
    q, k, (cos, sin) = torch.randn(shape), torch.randn(shape), torch.randn(2, 1, 12, 8).unbind(0)
    found = rotary.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=dim)
    for mine, other in zip(found, published.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=dim), strict=True):
        torch.testing.assert_close(mine, other)
    assert torch.equal(rotary.rotate_half(q), published.rotate_half(q))
    assert torch.equal(rotary.repeat_kv(q, 3), published.repeat_kv(q, 3))


KINDS = {
    **{scaling["rope_type"]: scaling for scaling in SCALINGS if scaling},
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8,
    },
    "longrope": {
        "rope_type": "longrope",
        "short_factor": [1.0, 1.5, 2.0, 3.0],
        "long_factor": [2.0, 3.0, 4.0, 6.0],
        "original_max_position_embeddings": 8,
    },
    "proportional": {"rope_type": "proportional", "factor": 2.0, "partial_rotary_factor": 0.5},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [None, 4, 40])
def test_functions_of_a_config(kind: str, length: int | None) -> None:
    parameters = {"rope_theta": 10000.0, **KINDS[kind]}
    answers = [
        functions[kind](config(**SIZES, rope_parameters=dict(parameters)), torch.device("cpu"), seq_len=length)
        for functions, config in (
            (rotary.ROPE_INIT_FUNCTIONS, LlamaConfig),
            (modeling_rope_utils.ROPE_INIT_FUNCTIONS, transformers.LlamaConfig),
        )
    ]
    torch.testing.assert_close(answers[0][0], answers[1][0])
    assert answers[0][1] == pytest.approx(answers[1][1])


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn", "longrope", "llama3"])
def test_a_table_without_the_numbers_of_the_kind(kind: str) -> None:
    with pytest.raises(KeyError):
        modeling_rope_utils.ROPE_INIT_FUNCTIONS[kind](transformers.LlamaConfig(**SIZES), "cpu")
    with pytest.raises(ConfigError, match=f"the angles of '{kind}' need .*factor.*; found"):
        rotary.ROPE_INIT_FUNCTIONS[kind](LlamaConfig(**SIZES), "cpu")


def test_a_factor_of_yarn_that_is_none() -> None:
    table = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": None, "original_max_position_embeddings": 8}
    theirs = modeling_rope_utils.ROPE_INIT_FUNCTIONS["yarn"](transformers.LlamaConfig(**SIZES, rope_parameters=table), "cpu")
    ours = rotary.ROPE_INIT_FUNCTIONS["yarn"](LlamaConfig(**SIZES, rope_parameters=table), "cpu")
    torch.testing.assert_close(ours[0], theirs[0])
    assert ours[1] == pytest.approx(theirs[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_of_ones_own(kind: str) -> None:
    """The decorator gives it the angles of each text's length."""

    class Angles(torch.nn.Module):
        def __init__(self, config: LlamaConfig) -> None:
            super().__init__()
            self.config, self.rope_type = config, kind
            inverse, self.attention_scaling = rotary.ROPE_INIT_FUNCTIONS[kind](config)
            self.register_buffer("inv_freq", inverse, persistent=False)

        @torch.no_grad()
        @rotary.dynamic_rope_update
        def forward(self, x: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
            angles = position_ids[..., None].float() * self.inv_freq
            return angles.cos() * self.attention_scaling

    parameters = {"rope_theta": 10000.0, **KINDS[kind]}
    ours = Angles(LlamaConfig(**SIZES, rope_parameters=dict(parameters)))
    theirs = published.LlamaRotaryEmbedding(transformers.LlamaConfig(**SIZES, rope_parameters=dict(parameters)))
    for length in (4, 12, 40, 6):
        positions, x = torch.arange(length)[None], torch.zeros(1)
        torch.testing.assert_close(ours(x, positions), theirs(x, positions)[0][..., :4])


def test_settings_of_an_older_config() -> None:
    """One that somebody else wrote, with the older names alone."""

    class Older(PreTrainedConfig):
        def __init__(self, **kwargs: Any) -> None:
            self.rope_theta, self.rope_scaling = 500.0, {"type": "linear", "factor": 2.0}
            rotary.rope_config_validation(self)
            super().__init__(**SIZES, **kwargs)

    config = Older()
    assert config.rope_parameters == {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}
    theirs = transformers.LlamaConfig(**SIZES, rope_parameters=dict(config.rope_parameters))
    expected, _ = modeling_rope_utils.ROPE_INIT_FUNCTIONS["linear"](theirs, torch.device("cpu"))
    torch.testing.assert_close(rotary.ROPE_INIT_FUNCTIONS["linear"](config)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_factors(kind: str) -> None:
    parameters = {"rope_theta": 10000.0, **KINDS[kind]}
    theirs = published.LlamaRotaryEmbedding(transformers.LlamaConfig(**SIZES, rope_parameters=dict(parameters)))
    ours = rotary.LlamaRotaryEmbedding(LlamaConfig(**SIZES, rope_parameters=parameters), device="cpu")
    assert ours.attention_scaling == pytest.approx(theirs.attention_scaling)


@pytest.mark.parametrize("family", ROTARY_BY_HALVES)
def test_what_a_family_shares_with_llama_is_what_it_publishes(family: str) -> None:
    """Each function that stands under the family's old path gives what the published one of that path gives."""
    published = vars(importlib.import_module(f"transformers.models.{family}.modeling_{family}"))
    torch.manual_seed(0)
    q, k = torch.randn(2, 4, 5, 8), torch.randn(2, 2, 5, 8)
    cos, sin = (torch.cat([half, half], -1) for half in torch.randn(2, 2, 5, 4))
    arguments = {
        "rotate_half": (q,),
        "apply_rotary_pos_emb": (q, k, cos, sin),
        "repeat_kv": (k, 2),
        "load_balancing_loss_func": ((torch.randn(10, 4),), 4, 2),
        f"{ROTARY_BY_HALVES[family]}RMSNorm": (q,),
    }
    for name, target in RENAMED[f"models.{family}.modeling_{family}"].items():
        if name not in published or name not in arguments:
            continue
        module, _, ours_name = target.partition(":")
        ours, theirs = getattr(importlib.import_module(f"bestiary.{module}"), ours_name), published[name]
        if isinstance(theirs, type):
            ours, theirs = ours(8), theirs(8)
        torch.testing.assert_close(ours(*arguments[name]), theirs(*arguments[name]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda value: value["rope_type"] if value else "default")
def test_tables_of_a_model_have_the_published_attributes(scaling: dict[str, float] | None) -> None:
    scaling = scaling and {"rope_theta": 10000.0, **scaling}
    values = {**SIZES, "num_hidden_layers": 1, "vocab_size": 8, "intermediate_size": 8}
    theirs = published.LlamaModel(transformers.LlamaConfig(**values, rope_parameters=scaling and dict(scaling))).rotary_emb
    config = LlamaConfig(**values, rope_parameters=scaling)
    for ours in (LlamaModel(config).rotary_emb, rotary.LlamaRotaryEmbedding(config)):
        for name in ("inv_freq", "original_inv_freq"):
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))
        for name in ("attention_scaling", "rope_type", "max_seq_len_cached", "original_max_seq_len"):
            assert getattr(ours, name) == getattr(theirs, name)
        positions, x = torch.arange(5)[None], torch.zeros(1)
        if theirs.rope_type in ("dynamic", "longrope"):
            with pytest.raises(AttributeError, match="follow from the length of each text"):
                ours.inv_freq = torch.ones(4)
            continue
        with pytest.raises(ConfigError, match="a number for each pair"):
            ours.inv_freq = torch.ones(3)
        before, theirs.inv_freq = theirs.inv_freq, ours.inv_freq / 3
        ours.inv_freq = ours.inv_freq / 3
        torch.testing.assert_close(ours.inv_freq, theirs.inv_freq)
        torch.testing.assert_close(ours.original_inv_freq, theirs.original_inv_freq)
        torch.testing.assert_close(ours(x, positions), theirs(x, positions))
        theirs.inv_freq = before
