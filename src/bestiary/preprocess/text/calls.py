"""Reading the arguments of a tokenizer call: which texts, one or many, and what is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Encoding

from ...core.errors import InputError
from .padding import Padding
from .truncation import Truncation

# A text, or the words of a text; a tuple of two of them is a pair.
Text = str | list[str]
Sample = Text | tuple[Text, Text]


@dataclass(frozen=True)
class Call:
    """Everything one call asks for; see `PreTrainedTokenizerFast.__call__`."""

    add_special_tokens: bool = True
    split_special_tokens: bool = False
    words: bool = False
    padding: Padding | None = None
    truncation: Truncation | None = None
    overflow: bool = False
    tensors: str | None = None
    length: bool = False
    policy: str = "warn"
    columns: tuple[str, ...] = ()


def read_samples(text: Any, pair: Any, words: bool) -> tuple[list[Sample], bool]:
    """The texts of a call, and whether it was a batch.

    Raises:
        InputError: something is neither a text nor a list of texts, or texts and their partners differ in number.
    """
    if words:
        batched = isinstance(text, list | tuple) and (not text or isinstance(text[0], list | tuple))
    else:
        batched = isinstance(text, list | tuple)
    if not batched:
        first = _text(text, words, "text")
        return [first if pair is None else (first, _text(pair, words, "text_pair"))], False
    if pair is None:
        return [_sample(item, words, f"text[{number}]") for number, item in enumerate(text)], True
    if not isinstance(pair, list | tuple) or len(pair) != len(text):
        found = f"{len(pair)} texts" if isinstance(pair, list | tuple) else f"one {type(pair).__name__}"
        raise InputError(f"text is a list of {len(text)} texts and text_pair holds {found}; they must match one to one")
    return [
        (_text(one, words, f"text[{number}]"), _text(other, words, f"text_pair[{number}]"))
        for number, (one, other) in enumerate(zip(text, pair, strict=True))
    ], True


def _sample(item: Any, words: bool, where: str) -> Sample:
    if not words and isinstance(item, str):
        return item
    is_pair = isinstance(item, list | tuple) and len(item) == 2
    if is_pair and (not words or any(isinstance(part, list | tuple) for part in item)):
        return _text(item[0], words, f"{where}[0]"), _text(item[1], words, f"{where}[1]")
    return _text(item, words, where)


def _text(value: Any, words: bool, where: str) -> Text:
    if not words and isinstance(value, str):
        return value
    if words and isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return list(value)
    expected = "a list of words (is_split_into_words=True)" if words else "a str"
    raise InputError(f"{where} is {type(value).__name__} {value!r:.60}; expected {expected}")


def halves(sample: Sample) -> list[Text]:
    """The one or two texts of a sample."""
    return list(sample) if isinstance(sample, tuple) else [sample]


def is_prefix_doubled(rows: Sequence[Encoding], bos: int | None) -> bool:
    """Whether some text begins with the beginning-of-text token, and another was put before it."""
    if bos is None:
        return False
    return any(row.ids[:2] == [bos, bos] and row.special_tokens_mask[:2] == [1, 0] for row in rows)
