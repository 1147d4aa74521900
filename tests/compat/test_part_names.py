"""Shared parts under the published names: of each, the part at the same place in our model is an instance."""

import importlib
from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, pair

import bestiary
from bestiary.compat.finder import old_module
from bestiary.compat.part_names import PART_NAMES, ROTARY
from bestiary.core.errors import ConfigError

WORDS = " ".join((*PART_NAMES.values(), ROTARY)).split()
FAMILIES = sorted({word.partition(".")[0] for word in WORDS})


def published_names(family: str) -> set[str]:
    return {name for part, name in (word.split(".") for word in WORDS) if part == family}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_name_is_the_class_at_the_same_place(family: str) -> None:
    wanted = published_names(family)
    home: Any = old_module(f"transformers.models.{family}.modeling_{family}", sorted(wanted))
    case = cases()[family]
    for head, variant in ((head, variant) for head in case.heads for variant in ("", *case.variants)):
        if variant and head != next(iter(case.heads)):
            continue
        models = pair(family, head, variant)
        ours = dict(models.ours.named_modules())
        for path, module in models.reference.named_modules():
            name = type(module).__name__
            if name not in published_names(family) or path not in ours:
                continue
            plain = name.endswith("ScaledWordEmbedding") and type(ours[path]) is torch.nn.Embedding
            assert plain or isinstance(ours[path], getattr(home, name)), f"{path}: {type(ours[path])}"
            wanted -= set() if plain else {name}
        if not wanted:
            return
    assert wanted == set()


def test_attention_of_bart_is_made_and_called_as_published() -> None:
    path = "models.bart.modeling_bart"
    both = [
        old_module(f"transformers.{path}", ["BartAttention"]).BartAttention,
        importlib.import_module(f"transformers.{path}").BartAttention,
    ]
    settings = transformers.BartConfig(attn_implementation="eager")
    ours = both[0](embed_dim=16, num_heads=4, is_decoder=True, bias=False, config=bestiary.BartConfig()).eval()
    theirs = both[1](embed_dim=16, num_heads=4, is_decoder=True, bias=False, config=settings).eval()
    theirs.load_state_dict(ours.state_dict())
    assert ours.is_decoder
    x, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    for inputs in ({}, {"key_value_states": memory}):
        torch.testing.assert_close(ours(x, **inputs)[0], theirs(x, **inputs)[0])
    assert both[0](16, 4, config=bestiary.BartConfig(attn_implementation="eager")).attend.implementation == "eager"
    with pytest.raises(ConfigError, match="embed_dim is 10; expected a multiple of num_heads, 4"):
        both[0](10, 4)


def test_a_head_of_roberta_is_made_and_called_as_published() -> None:
    path = "models.roberta.modeling_roberta"
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_labels": 3, "vocab_size": 9}
    ours = old_module(f"transformers.{path}", ["RobertaClassificationHead"]).RobertaClassificationHead(
        bestiary.RobertaConfig(**sizes)
    )
    theirs = importlib.import_module(f"transformers.{path}").RobertaClassificationHead(transformers.RobertaConfig(**sizes))
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 16)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x[:, None]))


ROTARY_CONFIGS = {
    "cohere": "CohereConfig",
    "gpt_oss": "GptOssConfig",
    "modernbert": "ModernBertConfig",
    "olmo3": "Olmo3Config",
}


@pytest.mark.parametrize("family", ROTARY_CONFIGS)
def test_rotary_tables_of_a_config(family: str) -> None:
    """They give the published angles, and what scripts read of one kind of layers."""
    values = cases()[family].config
    path = f"models.{family}.modeling_{family}"
    name = next(word.split(".")[1] for word in ROTARY.split() if word.startswith(f"{family}."))
    ours = getattr(old_module(f"transformers.{path}", [name]), name)(getattr(bestiary, ROTARY_CONFIGS[family])(**values))
    config = getattr(transformers, ROTARY_CONFIGS[family])(**values)
    theirs = getattr(importlib.import_module(f"transformers.{path}"), name)(config)
    x, positions = torch.zeros(1, 5, 8), torch.arange(5)[None]
    kinds = [name.removesuffix("_original_inv_freq") for name, _ in theirs.named_buffers() if "_original_inv" in name]
    for kind in kinds if kinds != ["original_inv_freq"] else [None]:
        options = {} if kind is None else {"layer_type": kind}
        for mine, other in zip(ours(x, positions, **options), theirs(x, positions, **options), strict=True):
            torch.testing.assert_close(mine, other)
        for ending in ("inv_freq", "original_inv_freq", "attention_scaling"):
            attribute = ending if kind is None else f"{kind}_{ending}"
            torch.testing.assert_close(getattr(ours, attribute), getattr(theirs, attribute))
    with pytest.raises(AttributeError, match="no_attention_inv_freq"):
        ours.no_attention_inv_freq  # noqa: B018
