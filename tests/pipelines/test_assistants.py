"""Pipelines whose model is helped by an assistant, given as a model or by name."""

from typing import Any

import pytest
from kit import checkpoints
from kit.pipelines import ours

from bestiary.auto import AutoModelForCausalLM
from bestiary.core.errors import ArgumentError, BestiaryError
from bestiary.pipelines import pipeline

OPTIONS: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False}
TEXTS = checkpoints.TEXTS[:3]


def test_an_assistant_by_name_writes_the_same() -> None:
    folder = str(checkpoints.llama())
    plain = ours("text-generation", folder)(TEXTS, **OPTIONS)
    passes: list[int] = []
    helped = pipeline("text-generation", folder, assistant_model=folder)
    handle = helped.model.base_model.register_forward_pre_hook(lambda module, args: passes.append(1))
    assert helped(TEXTS[0], **OPTIONS) == ours("text-generation", folder)(TEXTS[0], **OPTIONS)
    handle.remove()
    assert len(passes) < OPTIONS["max_new_tokens"]
    assert helped(TEXTS, **OPTIONS) == plain
    given = AutoModelForCausalLM.from_pretrained(folder)
    assert ours("text-generation", folder)(TEXTS, **OPTIONS, assistant_model=given) == plain


def test_an_assistant_that_is_not_there() -> None:
    with pytest.raises(BestiaryError, match="nowhere"):
        pipeline("text-generation", str(checkpoints.llama()), assistant_model="./nowhere")


def test_an_assistant_that_cannot_help() -> None:
    helped = ours("text-generation", str(checkpoints.llama()))
    with pytest.raises(ArgumentError, match="expected a model that generates text"):
        helped("Hello", **OPTIONS, assistant_model=3)
