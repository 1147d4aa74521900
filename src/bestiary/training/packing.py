"""Packing: several texts in a row of the data, so that no batch holds padding."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from typing import Any

from ..core.errors import ArgumentError, InputError
from ..core.kinds import fits
from ..preprocess.text.padding import plain
from .collators.row_texts import check_all_have_labels, labels_of, split, text_lengths, tokens_of

STRATEGIES = ("bfd", "wrapped")


def pack_dataset(dataset: Any, seq_length: int, strategy: str = "bfd") -> Any:
    """Rows of up to `seq_length` tokens with several texts each; `seq_lengths` says how long these are.

    `DataCollatorWithFlattening` makes batches of them in which each text sees itself alone. No token is lost: a text that is
    longer than a row is cut. Rows that are packed already stay several texts.

    Args:
        dataset: rows with `input_ids`; of other columns those that have a number for each token (`labels`, ...) are packed
            too, and the others left out. A `datasets.Dataset` gives one, other rows give a list.
        strategy: "bfd" puts texts, longest first, where they leave the least room, and cuts none that fits (best-fit
            decreasing, Ding et al. 2024, Fewer Truncations); "wrapped" puts them behind each other and cuts at the end of each
            row.

    Raises:
        ArgumentError: no such strategy or length. InputError: rows without `input_ids`; some have labels and others have none,
            or not one for each token; `seq_lengths` are not those of a row's tokens.
    """
    if strategy not in STRATEGIES:
        raise ArgumentError(f"strategy is {strategy!r:.60}; expected one of {', '.join(STRATEGIES)}")
    _check_size("seq_length", seq_length)
    texts = _texts(dataset)
    names = [name for name in (texts[0] if texts else ()) if all(name in text for text in texts)]
    packs = _best_fits(texts, seq_length) if strategy == "bfd" else _wrapped(texts, seq_length)
    rows = [
        {
            **{name: list(chain.from_iterable(text[name] for text in pack)) for name in names},
            "seq_lengths": [len(text["input_ids"]) for text in pack],
        }
        for pack in packs
    ]
    return type(dataset).from_list(rows) if hasattr(type(dataset), "from_list") else rows


def _texts(dataset: Iterable[Mapping[str, Any]]) -> list[dict[str, list[Any]]]:
    """The texts of all rows that have tokens, each with its columns of one number a token."""
    texts: list[dict[str, list[Any]]] = []
    labels: dict[int, Any] = {}
    for number, row in enumerate(dataset):
        tokens = tokens_of(row, number)
        if not tokens:
            continue
        labels[number] = labels_of(row, number, len(tokens))
        lengths = text_lengths(row, number, len(tokens))
        columns = {"input_ids": tokens} | ({"labels": labels[number]} if labels[number] else {})
        for name, value in row.items():
            values = None if name in columns or name == "seq_lengths" or isinstance(value, str) else plain(value)
            if isinstance(values, list) and len(values) == len(tokens):
                columns[name] = values
        parts = {name: split(values, lengths) for name, values in columns.items()}
        texts.extend({name: values[place] for name, values in parts.items()} for place in range(len(lengths)))
    check_all_have_labels(labels)
    return texts


def _check_size(name: str, value: Any) -> None:
    if not fits(value, int) or value < 1:
        raise ArgumentError(f"{name} is {value!r:.60}; expected a whole number of tokens, at least 1")


def _piece(text: Mapping[str, list[Any]], begin: int, end: int) -> dict[str, list[Any]]:
    return {name: value[begin:end] for name, value in text.items()}


def _best_fits(texts: Iterable[dict[str, list[Any]]], size: int) -> list[list[dict[str, list[Any]]]]:
    pieces = [_piece(text, begin, begin + size) for text in texts for begin in range(0, len(text["input_ids"]), size)]
    pieces.sort(key=lambda text: len(text["input_ids"]), reverse=True)
    packs: list[list[dict[str, list[Any]]]] = []
    numbers: dict[int, list[int]] = {}  # of the packs into which so many tokens still fit, a heap each
    rooms: list[int] = []  # its keys, rising
    for piece in pieces:
        length = len(piece["input_ids"])
        at = bisect_left(rooms, length)
        if at == len(rooms):
            packs.append([piece])
            room, number = size, len(packs) - 1
        else:
            room = rooms[at]
            number = heappop(numbers[room])
            packs[number].append(piece)
            if not numbers[room]:
                del numbers[room], rooms[at]
        left = room - length
        if left and left not in numbers:
            insort(rooms, left)
        if left:
            heappush(numbers.setdefault(left, []), number)
    return packs


def _wrapped(texts: Iterable[dict[str, list[Any]]], size: int) -> list[list[dict[str, list[Any]]]]:
    packs: list[list[dict[str, list[Any]]]] = [[]]
    room = size
    for text in texts:
        begin, length = 0, len(text["input_ids"])
        while begin < length:
            if not room:
                packs.append([])
                room = size
            end = min(length, begin + room)
            packs[-1].append(_piece(text, begin, end))
            room, begin = room - (end - begin), end
    return [pack for pack in packs if pack]


def group_texts(examples: Mapping[str, Sequence[Sequence[int]]], block_size: int, drop_last: bool = True) -> dict[str, Any]:
    """Texts joined and cut to blocks, each of which is learned as one text: `dataset.map(group_texts, batched=True, ...)`.

    Args:
        examples: columns, each a list of rows of numbers. block_size: tokens of a block.
        drop_last: leave out what does not fill the last block; else it is a shorter one.

    Returns:
        The columns in blocks, and `labels`, which are the `input_ids` unless there are some.

    Raises:
        ArgumentError: no such size. InputError: a column that has not a number for each token, as texts have not.
    """
    _check_size("block_size", block_size)
    _check_columns(examples)
    blocks: dict[str, Any] = {}
    for name, rows in examples.items():
        joined = list(chain.from_iterable(rows))
        end = len(joined) // block_size * block_size if drop_last else len(joined)
        blocks[name] = [joined[begin : min(begin + block_size, end)] for begin in range(0, end, block_size)]
    if "labels" not in blocks and "input_ids" in blocks:
        blocks["labels"] = [list(block) for block in blocks["input_ids"]]
    return blocks


def _check_columns(examples: Mapping[str, Sequence[Any]]) -> None:
    first, hint = next(iter(examples), ""), "leave out columns that have not a number for each token (map's remove_columns)"
    for name, rows in examples.items():
        if len(rows) != len(examples[first]):
            raise InputError(f"column {name} has {len(rows)} rows, and {first} has {len(examples[first])}")
        for number, (row, tokens) in enumerate(zip(rows, examples[first], strict=True)):
            if isinstance(row, str) or not hasattr(row, "__len__"):
                raise InputError(f"{name} of row {number} is {row!r:.60}; expected a list of numbers: {hint}")
            if len(row) != len(tokens):
                raise InputError(f"{name} of row {number} has length {len(row)}, and {first} has {len(tokens)}: {hint}")
