"""Words that scripts look for in the published library's errors stand in ours: each is shown to be in both."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

import bestiary
from bestiary import AutoConfig, AutoModel, AutoModelForCausalLM
from bestiary.core.optional import available


def both(call: Callable[[Any], Any], kind: type[Exception], *words: str) -> None:
    """Both libraries refuse with an error of `kind` whose text holds every one of `words`."""
    for library in (transformers, bestiary):
        with pytest.raises(kind) as raised:
            call(library)
        for word in words:
            assert word in str(raised.value), (library.__name__, word)


def test_a_name_that_is_no_repository(hub):
    both(
        lambda library: library.AutoConfig.from_pretrained("org/nothing"),
        OSError,
        "org/nothing",
        "is not a local folder and is not a valid model identifier listed on",
        "token",
    )


def test_a_revision_that_is_none(hub):
    hub.add("org/tiny", {"config.json": b'{"model_type": "llama"}'})
    words = ("v9", "is not a valid git identifier (branch name, tag name or commit id)")
    both(lambda library: library.AutoConfig.from_pretrained("org/tiny", revision="v9"), OSError, *words)


def test_a_gated_repository(hub):
    hub.add("org/gated", {"config.json": b'{"model_type": "llama"}'}, gated=True)
    both(lambda library: library.AutoConfig.from_pretrained("org/gated", token="hf_good"), OSError, "gated repo")


@pytest.mark.parametrize("opener", [AutoConfig, AutoModel, AutoModelForCausalLM], ids=lambda opener: opener.__name__)
def test_code_in_a_checkpoint(tmp_path: Path, opener: Any) -> None:
    values = {
        "model_type": "strange",
        "auto_map": dict.fromkeys(("AutoConfig", "AutoModel", opener.__name__), "strange.It"),
    }
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "strange.py").write_text("")
    both(
        lambda library: getattr(library, opener.__name__).from_pretrained(str(tmp_path), trust_remote_code=False),
        ValueError,
        str(tmp_path),
        "contains custom code which must be executed",
        "trust_remote_code=True",
    )


@pytest.mark.skipif(available("flash_attn"), reason="needs a machine without flash-attn")
@pytest.mark.parametrize("version", [2, 3, 4])
def test_flash_attention_that_is_not_installed(version: int) -> None:
    def build(library: Any) -> Any:
        config = library.LlamaConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=8
        )
        return library.AutoModelForCausalLM.from_config(config, attn_implementation=f"flash_attention_{version}")

    both(build, ImportError, f"FlashAttention{version}")
