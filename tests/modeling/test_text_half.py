"""Checkpoints of models of several parts, written by the reference, whose half for texts opens by itself."""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, close, spread, tokens
from kit.folders import kept_folder
from safetensors.torch import load_file, save_file

import bestiary
from bestiary import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    Llama4ForCausalLM,
    Qwen3_5ForCausalLM,
)
from bestiary.core.errors import ConfigError, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning

# What is told of each: the parts that are not here, and their weights.
pytestmark = [pytest.mark.filterwarnings(f"ignore:{start}") for start in ("models of type", r"\w+ was loaded from")]
SIGHT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
# Type of the whole -> type of the half, the vision part, further values, names of the reference's class and of ours.
WHOLES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, str]] = {
    "gemma3": (
        "gemma3_text",
        {**SIGHT, "patch_size": 14},
        {"mm_tokens_per_image": 4, "image_token_index": 3},
        "Gemma3ForConditionalGeneration",
        "Gemma3ForCausalLM",
    ),
    "gemma4": (
        "gemma4_text",
        {
            **SIGHT,
            "head_dim": 8,
            "num_key_value_heads": 2,
            "patch_size": 4,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
        },
        {"image_token_id": 3, "video_token_id": 3, "audio_token_id": 3},
        "Gemma4ForConditionalGeneration",
        "Gemma4ForCausalLM",
    ),
    "llama4": (
        "llama4_text",
        {
            **SIGHT,
            "patch_size": 14,
            "vision_output_dim": 16,
            "projector_input_dim": 16,
            "projector_output_dim": 16,
            "pixel_shuffle_ratio": 0.5,
        },
        {"image_token_index": 3},
        "Llama4ForConditionalGeneration",
        "Llama4ForCausalLM",
    ),
    "mistral3": (
        "ministral3",
        {**SIGHT, "patch_size": 14, "model_type": "pixtral"},
        {"image_token_index": 3},
        "Mistral3ForConditionalGeneration",
        "Ministral3ForCausalLM",
    ),
    "qwen3_5": (
        "qwen3_5_text",
        {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32, "patch_size": 4},
        {"image_token_id": 3, "video_token_id": 4},
        "Qwen3_5ForConditionalGeneration",
        "Qwen3_5ForCausalLM",
    ),
}


@functools.cache
def whole(model_type: str, head: str | None = None) -> tuple[Any, Path]:
    """The reference's model of several parts, or one with `head`, and the folder that it saved."""
    half, sight, further, name, _ = WHOLES[model_type]
    text = {"model_type": half, **cases()[half].config}
    labels = text.pop("num_labels", 3)
    settings = {"text_config": text, "vision_config": sight, "num_labels": labels, **further}
    config = transformers.AutoConfig.for_model(model_type, **settings)
    torch.manual_seed(0)
    model = getattr(transformers, head or name)(config).eval()
    spread(model)
    folder = kept_folder(model_type)
    model.save_pretrained(folder)
    return model, folder


@pytest.mark.parametrize("model_type", WHOLES)
def test_the_half_for_texts_computes_what_the_whole_does(model_type: str, tmp_path: Path) -> None:
    model, folder = whole(model_type)
    inputs = tokens()
    real = inputs["attention_mask"].bool()
    with torch.no_grad():
        expected = model(**inputs).logits[real]
    kind = getattr(bestiary, WHOLES[model_type][4])
    ours = kind.from_pretrained(folder)
    with pytest.warns(BestiaryWarning, match=rf"models of type '{model_type}' have parts.*'{WHOLES[model_type][0]}'"):
        by_task = AutoModelForCausalLM.from_pretrained(folder)
    assert type(by_task) is kind
    for each in (ours, by_task):
        with torch.no_grad():
            close(each(**inputs).logits[real], expected)
    assert ours.config.tie_word_embeddings == model.config.tie_word_embeddings
    ours.save_pretrained(tmp_path)
    assert not any("language_model" in name for name in load_file(tmp_path / "model.safetensors"))
    again = getattr(transformers, kind.__name__).from_pretrained(tmp_path)
    with torch.no_grad():
        close(again(**inputs).logits[real], expected)


@pytest.mark.parametrize("model_type", WHOLES)
def test_the_half_without_its_head(model_type: str) -> None:
    model, folder = whole(model_type)
    ours = AutoModel.from_pretrained(folder)
    inputs = tokens()
    real = inputs["attention_mask"].bool()
    with torch.no_grad():
        states = ours(**inputs).last_hidden_state[real]
        close(model.get_output_embeddings()(states), model(**inputs).logits[real])


def test_a_classifier_of_the_whole() -> None:
    model, folder = whole("gemma3", "Gemma3ForSequenceClassification")
    ours = AutoModelForSequenceClassification.from_pretrained(folder)
    inputs = tokens()
    with torch.no_grad():
        close(ours(**inputs).logits, model(**inputs).logits)
    assert ours.config.num_labels == 3
    assert not ours.load_report.initialised


def test_older_names_of_the_whole(tmp_path: Path) -> None:
    """Until 4.51 a whole without a head of its own held its half for texts under `language_model`, head and all."""
    _, folder = whole("qwen3_5")
    shutil.copy(folder / "config.json", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    older = {name.replace("model.language_model.", "language_model.model."): value for name, value in tensors.items()}
    older["language_model.lm_head.weight"] = older.pop("lm_head.weight")
    save_file(older, tmp_path / "model.safetensors", metadata={"format": "pt"})
    first, second = (Qwen3_5ForCausalLM.from_pretrained(each) for each in (folder, tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_one_name_for_two_tensors_is_told(tmp_path: Path) -> None:
    _, folder = whole("qwen3_5")
    shutil.copy(folder / "config.json", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.language_model.norm.weight"], 7.0)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.warns(BestiaryWarning, match=r"(?s)not used: .*model\.language_model\.norm\.weight"):
        Qwen3_5ForCausalLM.from_pretrained(tmp_path)


def changed(folder: Path, target: Path, **values: Any) -> Path:
    """The config of `folder` with other values, alone in `target`."""
    config = json.loads((folder / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, **values}))
    return target


def test_a_quantized_whole_is_told(tmp_path: Path) -> None:
    shutil.copytree(whole("llama4")[1], tmp_path, dirs_exist_ok=True)
    changed(whole("llama4")[1], tmp_path, quantization_config={"quant_method": "aqlm"})
    with pytest.raises(ConfigError, match="'aqlm' is a published method that is not opened here"):
        Llama4ForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("half", [None, "gemma3_text", {}, {"model_type": 3}, {"model_type": "no-such-type"}])
def test_a_whole_without_a_half_that_is_here(half: Any, tmp_path: Path) -> None:
    changed(whole("gemma3")[1], tmp_path, text_config=half)
    with pytest.raises(UnknownArchitecture, match="unknown model_type 'gemma3'"):
        AutoConfig.from_pretrained(tmp_path)


def test_a_task_that_the_half_has_no_class_for() -> None:
    with pytest.raises(UnknownArchitecture, match="qwen3_5_text has no model for AutoModelForTokenClassification"):
        AutoModelForTokenClassification.from_pretrained(whole("qwen3_5")[1])
