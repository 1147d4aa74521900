"""The samples of a tokenizer call to rows of ids: read them, encode, cut, add special tokens, pad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from tokenizers import Encoding, Tokenizer

from ...core.errors import BestiaryError, InputError
from .padding import Padding
from .rust import RustTokenizer, as_second
from .truncation import Truncation

# Column of the result -> where an encoding holds it.
COLUMNS = {
    "attention_mask": lambda row: row.attention_mask,
    "token_type_ids": lambda row: row.type_ids,
    "special_tokens_mask": lambda row: row.special_tokens_mask,
    "offset_mapping": lambda row: row.offsets,
}

# Texts of so many characters for each token that they may have are likely to fit: a token has three or four.
CHARACTERS = 2
# Below so many characters in all, threads cost more than they save.
FEW = 200

# A text, or the words of a text; a tuple of two of them is a pair.
Text = str | list[str] | list[int]
Sample = Text | tuple[Text, Text]


@dataclass(frozen=True)
class EncodeOptions:
    """Everything one call asks for, checked and with the tokenizer's defaults; see `TokenizersBackend.__call__`."""

    add_special_tokens: bool = True
    split_special_tokens: bool = False
    prefix_space: bool | None = None
    words: bool = False
    padding: Padding | None = None
    truncation: Truncation | None = None
    overflow: bool = False
    tensors: str | None = None
    length: bool = False
    policy: str = "warn"
    columns: tuple[str, ...] = ()
    further: Mapping[str, Any] = field(default_factory=dict)


def read_samples(text: Any, pair: Any, words: bool, ids: bool = False) -> tuple[list[Sample], bool]:
    """The texts of a call, and whether it was a batch.

    Args:
        ids: whether a list of ids may stand for a text.

    Raises:
        InputError: something is neither a text nor a list of texts, or texts and their partners differ in number.
    """
    if words:
        batched = isinstance(text, list | tuple) and bool(text) and isinstance(text[0], list | tuple)
    else:
        batched = isinstance(text, list | tuple) and not (ids and _is_ids(text))
    if not batched:
        first = _text(text, words, "text", ids)
        return [first if pair is None else (first, _text(pair, words, "text_pair", ids))], False
    if pair is None:
        return [_sample(item, words, f"text[{number}]", ids) for number, item in enumerate(text)], True
    if not isinstance(pair, list | tuple) or len(pair) != len(text):
        partners = f"{len(pair)} texts" if isinstance(pair, list | tuple) else f"one {type(pair).__name__}"
        raise InputError(f"text is a list of {len(text)} texts and text_pair holds {partners}; they must match one to one")
    return [
        (_text(one, words, f"text[{number}]", ids), _text(other, words, f"text_pair[{number}]", ids))
        for number, (one, other) in enumerate(zip(text, pair, strict=True))
    ], True


def _sample(item: Any, words: bool, where: str, ids: bool) -> Sample:
    if not words and isinstance(item, str):
        return item
    is_pair = isinstance(item, list | tuple) and len(item) == 2 and not (ids and _is_ids(item))
    if is_pair and (not words or any(isinstance(part, list | tuple) for part in item)):
        return _text(item[0], words, f"{where}[0]", ids), _text(item[1], words, f"{where}[1]", ids)
    return _text(item, words, where, ids)


def _text(value: Any, words: bool, where: str, ids: bool) -> Text:
    if not words and isinstance(value, str):
        return value
    if (ids and _is_ids(value)) or (words and isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)):
        return list(value)
    expected = "a list of words (is_split_into_words=True)" if words else "a str"
    raise InputError(f"{where} is {type(value).__name__} {value!r:.60}; expected {expected}")


def _is_ids(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(index, int) for index in value)


def characters(sample: Sample) -> int:
    """How many a sample has."""
    if isinstance(sample, str):
        return len(sample)
    texts = (part if isinstance(part, str) else "".join(map(str, part)) for part in halves(sample))
    return sum(map(len, texts))


def halves(sample: Sample) -> list[Text]:
    """The one or two texts of a sample."""
    return list(sample) if isinstance(sample, tuple) else [sample]


def begins_twice(row: Encoding) -> bool:
    """Whether the text begins with the very token that was put before it."""
    ids = row.ids
    return len(ids) > 1 and ids[0] == ids[1] and row.special_tokens_mask[:2] == [1, 0]


def encode_samples(rust: RustTokenizer, samples: Sequence[Sample], options: EncodeOptions) -> tuple[list[Encoding], list[int]]:
    """The encoding of each sample, cut as asked (what was cut hangs on it as `overflowing`), and the tokens cut per sample.

    Raises:
        InputError: a text holds what is no Unicode, or cannot be cut to the length asked for.
    """
    try:
        if options.truncation is not None:
            return _encode_within(rust, samples, options, options.truncation)
        rows = _encode_all(rust.full(options.split_special_tokens, options.prefix_space), samples, options)
    except (TypeError, UnicodeError) as error:
        raise InputError(f"a text cannot be encoded; is it valid Unicode, without lone surrogates? {error}") from error
    except BestiaryError:
        raise
    except BaseException as error:  # the Rust package raises `Exception`, and its panics are not even that
        if not (type(error) is Exception or type(error).__module__ == "pyo3_runtime"):
            raise
        raise InputError(f"the tokenizer's own files do not let it encode a text: {error}") from error
    return rows, [0] * len(rows)


def _encode_all(full: Tokenizer, samples: Sequence[Sample], options: EncodeOptions) -> list[Encoding]:
    words, special = options.words, options.add_special_tokens
    if len(samples) == 1 or sum(map(characters, samples)) <= FEW:
        pairs: Any = [sample if isinstance(sample, tuple) else (sample, None) for sample in samples]
        return [full.encode(first, second, words, special) for first, second in pairs]
    return full.encode_batch(list(samples), words, special)


def _encode_within(
    rust: RustTokenizer, samples: Sequence[Sample], options: EncodeOptions, truncation: Truncation
) -> tuple[list[Encoding], list[int]]:
    """`_encode_and_cut`, but for what is so short that it is tried first whether it fits as it is."""
    limit = truncation.max_length * CHARACTERS if rust.joins else -1
    short = [number for number, sample in enumerate(samples) if characters(sample) <= limit]
    if not short:
        return _encode_and_cut(rust, samples, options, truncation)
    full = rust.full(options.split_special_tokens, options.prefix_space)
    whole = len(short) == len(samples)
    rows = _encode_all(full, samples if whole else [samples[number] for number in short], options)
    if whole and all(len(row) <= truncation.max_length for row in rows):
        return rows, [0] * len(rows)
    found = {number: row for number, row in zip(short, rows, strict=True) if len(row) <= truncation.max_length}
    rest = [number for number in range(len(samples)) if number not in found]
    cut, lost = _encode_and_cut(rust, [samples[number] for number in rest], options, truncation)
    found.update(zip(rest, cut, strict=True))
    dropped = dict(zip(rest, lost, strict=True))
    return [found[number] for number in range(len(samples))], [dropped.get(number, 0) for number in range(len(samples))]


def _encode_and_cut(
    rust: RustTokenizer, samples: Sequence[Sample], options: EncodeOptions, truncation: Truncation
) -> tuple[list[Encoding], list[int]]:
    """Encode without special tokens, cut, and add them after; the tokens cut per sample beside it."""
    bare, joining = rust.bare(options.split_special_tokens, options.prefix_space), rust.joining()
    texts = [halves(sample) for sample in samples]
    encodings = iter(bare.encode_batch([text for parts in texts for text in parts], is_pretokenized=options.words))
    special = [joining.num_special_tokens_to_add(pair) if options.add_special_tokens else 0 for pair in (False, True)]
    rows, dropped = [], []
    for parts in texts:
        pieces = list(islice(encodings, len(parts)))
        lengths = [len(piece) for piece in pieces]
        shares = truncation.shares(lengths, special[len(parts) - 1])
        for place, share in enumerate(shares):
            if share < lengths[place]:
                if place:  # what overflows takes its types from here, the rest by being joined
                    pieces[place] = as_second(pieces[place])
                truncation.shorten(pieces[place], share)
        dropped.append(sum(lengths) - sum(shares))
        rows.append(joining.post_process(pieces[0], pieces[1] if len(pieces) > 1 else None, options.add_special_tokens))
    return rows, dropped


def with_overflow(rows: Sequence[Encoding]) -> tuple[list[Encoding], list[int]]:
    """Each row followed by its overflowing rows, and for each the number of the sample it comes from."""
    flat, origin = [], []
    for number, row in enumerate(rows):
        for window in (row, *row.overflowing):
            flat.append(window)
            origin.append(number)
    return flat, origin


def pad_rows(rows: Sequence[Encoding], padding: Padding, pad_id: int, pad_token: str, pad_type: int) -> None:
    """Pad encodings in place."""
    target = padding.target([len(row) for row in rows])
    for row in rows:
        row.pad(target, direction=padding.side, pad_id=pad_id, pad_type_id=pad_type, pad_token=pad_token)


def without_special(options: EncodeOptions) -> EncodeOptions:
    """The same options for text that holds its special tokens already."""
    return replace(options, add_special_tokens=False)
