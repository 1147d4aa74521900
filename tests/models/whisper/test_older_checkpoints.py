"""Whisper as it was published in 2022: no generation_config.json, the first tokens stand in config.json."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary.core.errors import InputError
from bestiary.models.whisper import WhisperForConditionalGeneration

END, START, EN, TRANSCRIBE, NO_TIMES = 40, 41, 42, 43, 44
FEATURES = torch.zeros(2, 8, 40)
SIZES = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_mel_bins": 8, "max_source_positions": 20}


def opened(folder: Path, forced: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    ends = {"pad_token_id": END, "bos_token_id": END, "eos_token_id": END, "decoder_start_token_id": START}
    config = transformers.WhisperConfig(vocab_size=60, begin_suppress_tokens=None, **SIZES, **HEADS, **ends)
    model = transformers.WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "forced_decoder_ids": forced, "max_length": 30}))
    kinds = (WhisperForConditionalGeneration, transformers.WhisperForConditionalGeneration)
    ours, theirs = (kind.from_pretrained(folder).eval() for kind in kinds)
    return ours, theirs


@pytest.mark.parametrize(
    "forced", [[[1, EN], [2, TRANSCRIBE], [3, NO_TIMES]], [[1, NO_TIMES]], None], ids=["all", "one", "none"]
)
def test_the_first_tokens_of_the_config(tmp_path: Path, forced: Any) -> None:
    ours, theirs = opened(tmp_path, forced)
    assert ours.generate(FEATURES, max_new_tokens=6).tolist() == theirs.generate(FEATURES, max_new_tokens=6).tolist()


def test_choosing_a_language_needs_their_table(tmp_path: Path) -> None:
    ours = opened(tmp_path, [[1, EN], [2, TRANSCRIBE], [3, NO_TIMES]])[0]
    with pytest.raises(InputError, match=r"lang_to_id .* of 2022 has none: put the generation_config\.json"):
        ours.generate(FEATURES, language="en")
    ours.generation_config.is_multilingual = False
    with pytest.raises(InputError, match="knows English only"):
        ours.generate(FEATURES, language="en")


@pytest.mark.parametrize("features", [torch.zeros(8, 40), [[0.0]], torch.zeros(1, 1, 8, 40)], ids=["2", "list", "4"])
def test_features_of_another_shape_are_told(tmp_path: Path, features: Any) -> None:
    with pytest.raises(InputError, match=r"expected a tensor of shape \(batch, 8, frames\)"):
        opened(tmp_path, None)[0].generate(features)
