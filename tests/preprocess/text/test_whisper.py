"""Whisper's tokenizer and text normalizers, against the reference."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import SAMPLES

from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.whisper.languages import LANGUAGES, language_code
from bestiary.models.whisper.text_normalizer import BasicTextNormalizer
from bestiary.models.whisper.tokenizer import WhisperTokenizer

PREFIXES: list[dict[str, Any]] = [
    {},
    {"language": "french"},
    {"language": "fr", "task": "transcribe"},
    {"task": "translate"},
    {"language": "german", "task": "translate", "predict_timestamps": True},
    {"predict_timestamps": True},
]
DECODING: list[dict[str, Any]] = [
    {},
    {"skip_special_tokens": True},
    {"decode_with_timestamps": True},
    {"decode_with_timestamps": True, "skip_special_tokens": True},
    {"output_offsets": True},
    {"output_offsets": True, "skip_special_tokens": True},
    {"output_offsets": True, "time_precision": 0.04},
    {"normalize": True, "skip_special_tokens": True},
    {"basic_normalize": True, "skip_special_tokens": True, "remove_diacritics": True},
]


@pytest.fixture(scope="module", params=["whisper", "whisper_json"])
def both(request: pytest.FixtureRequest, folder: Callable[[str], Path]) -> tuple[Any, Any]:
    path = folder(request.param)
    return WhisperTokenizer.from_pretrained(path), transformers.WhisperTokenizer.from_pretrained(path)


@pytest.mark.parametrize("prefix", PREFIXES, ids=str)
def test_prefixes(folder: Callable[[str], Path], prefix: dict[str, Any], tmp_path: Path) -> None:
    path = folder("whisper_json")
    theirs = transformers.WhisperTokenizer.from_pretrained(path, **prefix)
    opened = WhisperTokenizer.from_pretrained(path, **prefix)
    opened.save_pretrained(tmp_path)
    set_later = WhisperTokenizer.from_pretrained(path)
    set_later.set_prefix_tokens(**prefix)
    for ours in (opened, set_later, WhisperTokenizer.from_pretrained(tmp_path)):
        assert ours.prefix_tokens == theirs.prefix_tokens
        for text in SAMPLES:
            assert dict(ours(text, "x")) == dict(theirs(text, "x"))
            assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert WhisperTokenizer.from_pretrained(tmp_path).normalize("grey colour") == "gray color"


def outputs(times: int, words: list[int], end: int, count: int) -> list[list[int]]:
    """Ids as the model writes them: windows of segments between times, some ended by a time said twice, some left open."""
    source = random.Random(0)
    rows = []
    for _ in range(count):
        row: list[int] = []
        for _ in range(source.randint(1, 3)):
            marks = sorted(source.sample(range(1501), 2 * source.randint(1, 3)))
            for place, mark in enumerate(marks):
                row.append(times + mark)
                if place % 2 == 0:
                    row += source.choices(words, k=source.randint(1, 3))
                elif place < len(marks) - 1 and source.random() < 0.5:
                    marks[place + 1] = mark
            if source.random() < 0.3 and row[-1] != row[-2]:
                row.append(row[-1])
        rows.append([*row, end])
    return rows


@pytest.mark.parametrize("options", DECODING, ids=str)
def test_decode(both: tuple[Any, Any], options: dict[str, Any]) -> None:
    ours, theirs = both
    words = ours("Hello, Colour the dog", add_special_tokens=False)["input_ids"]
    start = ours.convert_tokens_to_ids(["<|startoftranscript|>", "<|en|>", "<|transcribe|>"])
    prompt = list(theirs.get_prompt_ids("the prompt"))
    for row in outputs(ours.timestamp_begin, words, ours.eos_token_id, 60):
        for ids in (row, [*start, *row], [*prompt, *start, *row]):
            assert ours.decode(ids, **options) == theirs.decode(ids, **options)


def test_batches(both: tuple[Any, Any]) -> None:
    ours = both[0]
    row = ours.convert_tokens_to_ids(["<|0.00|>", "a", "<|2.00|>"])
    expected = {"text": "a", "offsets": [{"text": "a", "timestamp": (0.0, 2.0)}]}
    assert (
        ours.batch_decode([row, row], output_offsets=True)
        == [expected, expected]
        == ours.decode([row, row], output_offsets=True)
    )


def test_prompts(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    assert ours.get_prompt_ids("Hello you ").tolist() == theirs.get_prompt_ids("Hello you ").tolist()
    assert ours.get_prompt_ids("a", return_tensors="pt").tolist() == theirs.get_prompt_ids("a", return_tensors="pt").tolist()
    with pytest.raises(InputError, match="special token"):
        ours.get_prompt_ids("a <|en|>")
    assert ours.timestamp_ids() == theirs.timestamp_ids()


@pytest.mark.parametrize(
    "options", [{"language": "en", "task": "transcribe"}, {"language": "de", "task": "translate", "no_timestamps": False}]
)
def test_decoder_prompt(folder: Callable[[str], Path], options: dict[str, Any]) -> None:
    path = folder("whisper_json")
    ours, theirs = WhisperTokenizer.from_pretrained(path), transformers.WhisperTokenizer.from_pretrained(path)
    assert ours.get_decoder_prompt_ids(**options) == theirs.get_decoder_prompt_ids(**options)


def test_languages(both: tuple[Any, Any]) -> None:
    from transformers.models.whisper.tokenization_whisper import LANGUAGES as theirs

    assert theirs == LANGUAGES
    assert [language_code(name) for name in ("en", "English", "<|en|>", "castilian")] == ["en", "en", "en", "es"]
    with pytest.raises(InputError, match="Did you mean 'german'"):
        language_code("germann")
    with pytest.raises(InputError, match="has no '<|ja|>'".replace("|", r"\|")):
        both[0].set_prefix_tokens(language="japanese")
    both[0].set_prefix_tokens(language="en")
    with pytest.raises(ArgumentError, match="expected one of translate, transcribe"):
        both[0].set_prefix_tokens(task="sing")


WORDS = (
    "one two three five twelve thirteen nineteen twenty thirty ninety hundred thousand million and point double "
    "triple zero oh o first second fifth twelfth twentieth hundredth ninths sixes thousands dollars cents pounds "
    "euro percent per cent minus plus a half 5 20 3.5 $5 100 £2.50 the cat 7th 1980s nineteen-eighty 0 1 eighth "
    "ninth eight's fifties"
)
FRAGMENTS = (
    "won't can't y'all I'd he's been got Mr. st 'cause 'em [x] (y) <z> uh um é ß ﬁ ½ 1,000 3.14 x. ... % 5% $ $5 ¢ ₤ colour "
    "don't n't 't — 日本 I'ma dr. a.m. Ünï cafe\u0301 œuvre"
)


@pytest.mark.parametrize("seed", range(6))
def test_numbers(both: tuple[Any, Any], seed: int) -> None:
    source = random.Random(seed)
    for _ in range(400):
        text = " ".join(source.choice(WORDS.split()) for _ in range(source.randint(1, 8)))
        assert both[0].normalize(text) == both[1].normalize(text), text


@pytest.mark.parametrize("seed", range(3))
def test_normalizers(both: tuple[Any, Any], seed: int) -> None:
    source = random.Random(seed)
    for _ in range(400):
        text = source.choice(["", " "]).join(
            source.choice(FRAGMENTS.split()) + source.choice(["", " "]) for _ in range(source.randint(1, 7))
        )
        assert both[0].normalize(text) == both[1].normalize(text), text
        for remove in (False, True):
            assert both[0].basic_normalize(text, remove) == both[1].basic_normalize(text, remove), text


def test_split_letters() -> None:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer as Reference

    for text in ("日本 語", "né a", "Hello [x] you!"):
        assert BasicTextNormalizer(split_letters=True)(text) == Reference(split_letters=True)(text)
