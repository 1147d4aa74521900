"""Libraries on top of the published one, and scripts after the pattern of its examples, give the same numbers on this one."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from kit import peers

# script -> the checkpoints that it opens
ROWS = {
    "sentence_transformers_encoder": ("bert",),
    "sentence_transformers_others": ("bert", "masked", "classes", "score", "clip"),
    "sentence_transformers_trainer": ("bert",),
    "peft_lora": ("classes", "llama", "t5", "gpt2"),
    "peft_in_models": ("llama", "gpt2", "t5", "classes"),
    "peft_prompts": ("llama", "gpt2", "t5", "classes", "tokens"),
    "accelerate_loop": ("classes",),
    "accelerate_big_models": ("classes", "llama", "gpt2", "t5"),
    "datasets_map": ("classes", "llama", "vit"),
    "metrics": ("classes", "llama", "bert"),
    "run_glue_style": ("classes",),
    "run_qa_style": ("answers",),
    "run_clm_style": ("llama",),
}
# What a script shows to be right by itself.
HOLDS: dict[str, Any] = {
    "peft_lora": {"bert base": True},
    "accelerate_loop": {"gone back": True, "same losses again": True},
    "accelerate_big_models": {"hooks gone": True, "calls": 2, "llama as without a map": True, "t5 empty": True},
    "datasets_map": {
        "told": [],
        "hash is stable": [True, True],
        "hash of another opening": True,
        "hash of another tokenizer": False,
        "same fingerprint": True,
    },
}


def test_every_script_is_run() -> None:
    assert {path.stem for path in peers.SCRIPTS.glob("*.py")} == set(ROWS)


@pytest.fixture(scope="module")
def libraries() -> Iterator[dict[str, Popen[str]]]:
    with peers.library("ours") as ours, peers.library("reference") as reference:
        yield {"ours": ours, "reference": reference}


@pytest.mark.parametrize("script", ROWS)
def test_a_peer_computes_the_same_here(libraries: dict[str, Popen[str]], script: str, tmp_path: Path) -> None:
    ours, theirs = peers.results(libraries, script, ROWS[script], tmp_path)
    for name, value in HOLDS.get(script, {}).items():
        assert ours[name] == value, name
    assert list(peers.differences(ours, theirs)) == []
    assert len(ours) > 5
