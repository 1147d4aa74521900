"""Values of config files that no model can have are named before anything is built; what a config shows of itself."""

import json
import math
from typing import Any

import pytest
import torch
import transformers
from kit.families import pair

from bestiary import CLIPTextConfig, GenerationConfig, LlamaConfig, T5Config, WhisperConfig
from bestiary.core.errors import CapacityError, ConfigError, InputError, NumericsError
from bestiary.models.config import PreTrainedConfig
from bestiary.models.families import class_named
from bestiary.preprocess.text.padding import LONGEST, Padding, pad_columns


@pytest.mark.parametrize("value", [1.5, "4", math.nan, True, 10**13, math.inf], ids=str)
@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LlamaConfig, "hidden_size"),
        (LlamaConfig, "intermediate_size"),
        (LlamaConfig, "max_position_embeddings"),
        (T5Config, "num_decoder_layers"),
        (WhisperConfig, "decoder_layers"),
        (CLIPTextConfig, "projection_dim"),
    ],
)
def test_sizes_that_are_no_sizes(config: Any, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        config.from_dict({name: value})


@pytest.mark.parametrize("value", ["1e-5", math.nan, math.inf], ids=str)
def test_numbers_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(ConfigError, match="rms_norm_eps"):
        LlamaConfig.from_dict({"rms_norm_eps": value})


def test_single_ids_and_meta_inputs_are_named() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.raises(InputError, match="ids go from 0 to 98"):
        model(torch.tensor([[5000]]))
    with pytest.raises(InputError, match="meta device"):
        model(torch.zeros(1, 3, dtype=torch.long, device="meta"))


def test_nothing_left_to_choose_is_said() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.raises(NumericsError, match="every token is banned"):
        model.generate(torch.tensor([[7, 8]]), suppress_tokens=list(range(99)), max_new_tokens=2)


def test_padding_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(CapacityError, match=str(LONGEST + 1)):
        pad_columns({"input_ids": [[1]]}, {"input_ids": 0}, Padding("max_length", LONGEST + 1))


@pytest.mark.parametrize("name", ["BertConfig", "GPT2Config", "LlamaConfig", "T5Config", "ViTConfig", "WhisperConfig"])
def test_what_is_shown_beside_the_reference(name: str) -> None:
    """Every value of the family that the reference shows, unless None, and nothing of the base class that is as usual."""
    ours = json.loads(repr(class_named(name)(num_labels=3)).removeprefix(f"{name} "))
    theirs = json.loads(repr(getattr(transformers, name)(num_labels=3)).removeprefix(f"{name} "))
    usual = PreTrainedConfig().to_dict()
    for key, value in theirs.items():
        if value is not None and key in class_named(name)._field_names and usual.get(key) != value:
            assert key in ours, key
    assert "return_dict" not in ours
    assert json.loads(repr(GenerationConfig(max_new_tokens=5)).removeprefix("GenerationConfig ")) == {"max_new_tokens": 5}
