"""Texts to rows of ids, on a backend that is only read: encode, cut, add special tokens, pad."""

from collections.abc import Sequence
from dataclasses import replace

from tokenizers import Encoding

from ...core.errors import InputError
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
    full = backend.full(call.split_special_tokens)
    try:
        rows = full.encode_batch(list(samples), is_pretokenized=call.words, add_special_tokens=call.add_special_tokens)
    except (TypeError, UnicodeError) as error:
        raise InputError(f"a text cannot be encoded; is it valid Unicode, without lone surrogates? {error}") from error
    dropped = [0] * len(rows)
    if call.truncation is not None:
        limit = call.truncation.max_length
        for number, row in enumerate(rows):
            if len(row) > limit:
                rows[number], dropped[number] = _cut(backend, samples[number], call, call.truncation)
    return rows, dropped


def _cut(backend: Backend, sample: Sample, call: Call, truncation: Truncation) -> tuple[Encoding, int]:
    """One sample again, cut before the special tokens are added."""
    full = backend.full(call.split_special_tokens)
    texts = [
        backend.bare(call.split_special_tokens, bool(place)).encode(text, is_pretokenized=call.words)
        for place, text in enumerate(halves(sample))
    ]
    first, second = texts[0], (texts[1] if len(texts) > 1 else None)
    special = full.num_special_tokens_to_add(second is not None) if call.add_special_tokens else 0
    cut = truncation.cut(first, second, special)
    return full.post_process(first, second, call.add_special_tokens), cut


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
