"""Texts to rows of ids, on a backend that is only read: encode, cut, add special tokens, pad."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tokenizers import Encoding, Tokenizer

from ...core.errors import BestiaryError, InputError
from .backend import Backend
from .calls import Call, Sample, halves
from .padding import Padding
from .truncation import Truncation

SOURCE = {
    "attention_mask": lambda row: row.attention_mask,
    "token_type_ids": lambda row: row.type_ids,
    "special_tokens_mask": lambda row: row.special_tokens_mask,
    "offset_mapping": lambda row: row.offsets,
}


def encode_samples(backend: Backend, samples: Sequence[Sample], call: Call) -> tuple[list[Encoding], list[int]]:
    """The encoding of each sample, cut as asked (what was cut hangs on it as `overflowing`), and the tokens cut per sample.

    Raises:
        InputError: a text holds what is no Unicode, or cannot be cut to the length asked for.
    """
    try:
        if call.truncation is not None:
            return _encode_and_cut(backend, samples, call, call.truncation)
        rows = _encode_all(backend.full(call.split_special_tokens), samples, call)
    except (TypeError, UnicodeError) as error:
        raise InputError(f"a text cannot be encoded; is it valid Unicode, without lone surrogates? {error}") from error
    except BestiaryError:
        raise
    except BaseException as error:  # the Rust package raises `Exception`, and its panics are not even that
        if not (type(error) is Exception or type(error).__module__ == "pyo3_runtime"):
            raise
        raise InputError(f"the tokenizer's own files do not let it encode a text: {error}") from error
    return rows, [0] * len(rows)


def _encode_all(full: Tokenizer, samples: Sequence[Sample], call: Call) -> list[Encoding]:
    options = {"is_pretokenized": call.words, "add_special_tokens": call.add_special_tokens}
    if len(samples) == 1:  # handing one text to the threads of a batch would take as long as encoding it
        texts: Any = halves(samples[0])
        return [full.encode(*texts, **options)]
    return full.encode_batch(list(samples), **options)


def _encode_and_cut(
    backend: Backend, samples: Sequence[Sample], call: Call, truncation: Truncation
) -> tuple[list[Encoding], list[int]]:
    """Encode without special tokens, cut, and add them after; the tokens cut per sample beside it."""
    texts = [halves(sample) for sample in samples]

    def encode(place: int) -> Iterator[Encoding]:
        chosen = [parts[place] for parts in texts if len(parts) > place]
        return iter(backend.bare(call.split_special_tokens, bool(place)).encode_batch(chosen, is_pretokenized=call.words))

    firsts, seconds = encode(0), encode(1)
    full = backend.full(call.split_special_tokens)
    special = [full.num_special_tokens_to_add(pair) if call.add_special_tokens else 0 for pair in (False, True)]
    rows, dropped = [], []
    for parts in texts:
        pair = len(parts) > 1
        first, second = next(firsts), next(seconds) if pair else None
        dropped.append(truncation.cut(first, second, special[pair]))
        rows.append(full.post_process(first, second, call.add_special_tokens))
    return rows, dropped


def windows(rows: Sequence[Encoding]) -> tuple[list[Encoding], list[int]]:
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


def without_special(call: Call) -> Call:
    """The same call for text that holds its special tokens already."""
    return replace(call, add_special_tokens=False)
