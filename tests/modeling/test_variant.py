"""Relatives made from data: Gemma 2, Gemma 3 and Qwen 3 give the reference's numbers, though no shared file knows them."""

import importlib
import inspect
import pickle
from pathlib import Path

import pytest
import torch
import transformers
from kit.families import class_labels, close, span_labels, spread, token_labels, tokens

from bestiary.cache import DynamicCache
from bestiary.core.errors import ArgumentError
from bestiary.modeling.variant import variant
from bestiary.models import llama, mistral
from bestiary.models.llama.model import LlamaForCausalLM

SIZES = {"vocab_size": 99, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 0,
         "num_labels": 3}  # fmt: skip
KINDS = ["sliding_attention", "full_attention"]
WINDOW = {"sliding_window": 5, "layer_types": KINDS}
CAPS = {"final_logit_softcapping": 0.3, "attn_logit_softcapping": 0.1, "query_pre_attn_scalar": 5}
TABLES = {kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in zip(KINDS, (1e4, 1e2), strict=True)}
# Family, our class, the reference's class and config, values of the config, labels.
CASES = [
    ("gemma2", "Gemma2ForCausalLM", "Gemma2ForCausalLM", "Gemma2Config", {**WINDOW, **CAPS}, token_labels),
    ("gemma2", "Gemma2ForSequenceClassification", "Gemma2ForSequenceClassification", "Gemma2Config", WINDOW, class_labels(3)),
    ("gemma3_text", "Gemma3TextForCausalLM", "Gemma3ForCausalLM", "Gemma3TextConfig", {**WINDOW, "rope_parameters": TABLES},
     token_labels),
    ("qwen3", "Qwen3ForCausalLM", "Qwen3ForCausalLM", "Qwen3Config", {}, token_labels),
    ("qwen3", "Qwen3ForQuestionAnswering", "Qwen3ForQuestionAnswering", "Qwen3Config", {"attention_bias": True}, span_labels),
]  # fmt: skip


@pytest.mark.parametrize(("family", "name", "published", "config", "values", "labels"), CASES, ids=[case[1] for case in CASES])
def test_a_relative_gives_the_numbers_of_the_reference(family, name, published, config, values, labels, tmp_path: Path):
    torch.manual_seed(0)
    reference = getattr(transformers, published)(getattr(transformers, config)(**SIZES, **values)).eval()
    spread(reference)
    reference.set_attn_implementation("eager")
    reference.save_pretrained(tmp_path)
    ours = getattr(importlib.import_module(f"kit.relatives.{family}"), name).from_pretrained(tmp_path)
    inputs = tokens(side="right" if labels is span_labels else "left")
    positions = {"position_ids": (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)}
    answers = labels(inputs)
    expected = reference(**inputs, **positions, **answers, output_hidden_states=True)
    output = ours(**inputs, **answers, output_hidden_states=True)
    close(output.loss, expected.loss)
    real = inputs["attention_mask"].bool()
    for key in ("logits", "start_logits"):
        if key in expected:
            per_token = expected[key].shape[:2] == real.shape
            close(output[key][real] if per_token else output[key], expected[key][real] if per_token else expected[key])
    close(output.hidden_states, expected.hidden_states, "hidden_states", real)
    output.loss.backward()
    expected.loss.backward()
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    for parameter_name, parameter in ours.named_parameters():
        close(parameter.grad, gradients[parameter_name], parameter_name)
    with torch.no_grad():
        if labels is token_labels:
            cache = DynamicCache(config=ours.config)
            steps = [ours(inputs["input_ids"][:, i : i + 1], inputs["attention_mask"][:, : i + 1], past_key_values=cache).logits
                     for i in range(9)]  # fmt: skip
            close(torch.cat(steps, 1)[real], expected.logits[real])


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
