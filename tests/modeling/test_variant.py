"""Relatives made from data: their classes are like written ones. `tests/parity` compares their numbers."""

import importlib
import inspect
import pickle

import pytest

from bestiary.core.errors import ArgumentError
from bestiary.modeling.variant import variant
from bestiary.models import gemma3_text, llama, mistral
from bestiary.models.llama.model import LlamaForCausalLM

SIZES = {"vocab_size": 99, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 0,
         "num_labels": 3}  # fmt: skip


@pytest.mark.parametrize("name", sorted(mistral.TASKS.values()))
def test_classes_of_a_relative_are_like_written_ones(name):
    kind = getattr(mistral, name)
    assert (kind.__name__, kind.__qualname__, kind.__module__) == (name, name, "bestiary.models.mistral")
    assert kind is getattr(mistral, name)
    assert kind.config_class is mistral.MistralConfig
    assert "Mistral" in kind.__doc__
    assert issubclass(kind, mistral.MistralPreTrainedModel)
    assert kind._no_split_modules == ["MistralDecoderLayer"]
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301 (written here)
    assert {"input_ids", "attention_mask"} <= inspect.signature(kind.forward).parameters.keys()


def test_a_relative_shares_nothing_that_can_be_changed_with_the_family_it_is_made_from():
    model = mistral.MistralForCausalLM(mistral.MistralConfig(**{**SIZES, "sliding_window": 3}))
    names = {type(module).__name__ for module in model.modules() if type(module).__module__.startswith("bestiary.models")}
    assert names == {"MistralForCausalLM", "MistralModel", "MistralDecoderLayer", "MistralAttention", "MistralMLP"}
    assert LlamaForCausalLM._no_split_modules == ["LlamaDecoderLayer"]
    assert pickle.loads(pickle.dumps(model)).config == model.config  # noqa: S301 (written here)
    with pytest.raises(AttributeError, match=r"module 'bestiary\.models\.mistral' has no attribute 'MistralForSpeech'"):
        _ = mistral.MistralForSpeech
    assert set(dir(mistral)) == {"MistralPreTrainedModel", *mistral.TASKS.values()}


@pytest.mark.parametrize(
    ("tasks", "changes", "message"),
    [
        ({}, {"Atention": {"output_bias": False}}, "'Atention'.*Did you mean 'Attention'"),
        ({}, {"Attention": {"output_bais": False}}, "'output_bais' of 'Attention'.*Did you mean 'output_bias'"),
        ({"multiple-choice": "MistralForMultipleChoice"}, {}, "MistralForMultipleChoice"),
    ],
)
def test_what_the_relative_does_not_have_is_told_when_the_first_class_is_made(tasks, changes, message):
    make, _ = variant("bestiary.models.mistral", mistral.MistralConfig, {**mistral.TASKS, **tasks}, llama, changes)
    with pytest.raises(ArgumentError, match=message):
        make("MistralModel")


def test_a_class_may_have_another_name_than_the_family():
    kind = gemma3_text.Gemma3ForCausalLM
    assert (kind.__name__, kind.__module__) == ("Gemma3ForCausalLM", "bestiary.models.gemma3_text")
    assert issubclass(kind, gemma3_text.Gemma3TextPreTrainedModel)
    with pytest.raises(AttributeError, match="Gemma3TextForCausalLM"):
        _ = gemma3_text.Gemma3TextForCausalLM


@pytest.mark.parametrize("model_type", ["convbert", "mobilebert"])
def test_a_class_that_a_family_wrote_whole_is_the_one_its_models_are_made_of(model_type: str) -> None:
    family = importlib.import_module(f"bestiary.models.{model_type}")
    name = family.TASKS["base"].removesuffix("Model")
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "embedding_size": 16, "vocab_size": 9}
    sizes |= {"intra_bottleneck_size": 8} if model_type == "mobilebert" else {}
    config = getattr(family, f"{name}Config")(**sizes, num_hidden_layers=1)
    assert type(getattr(family, f"{name}Model")(config).encoder.layer[0]) is getattr(family, f"{name}Layer")
