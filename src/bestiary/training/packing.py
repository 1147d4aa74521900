"""Packing: several texts in a row of the data, so that no batch holds padding."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from ..core.errors import ArgumentError, InputError
from ..preprocess.text.padding import plain

STRATEGIES = ("bfd", "wrapped")


def pack_dataset(dataset: Any, seq_length: int, strategy: str = "bfd") -> Any:
    """Rows of up to `seq_length` tokens with several texts each; `seq_lengths` says how long these are.

    `DataCollatorWithFlattening` makes batches of them in which each text sees itself alone. No token is lost: a text that is
    longer than a row is cut.

    Args:
        dataset: rows with `input_ids`; of other columns those that have a number for each token (`labels`, ...) are packed
            too, and the others left out. A `datasets.Dataset` gives one, other rows give a list.
        strategy: "bfd" puts texts, longest first, where they leave the least room, and cuts none that fits (best-fit
            decreasing, Ding et al. 2024, Fewer Truncations); "wrapped" puts them behind each other and cuts at the end of each
            row.

    Raises:
        ArgumentError: no such strategy or length. InputError: rows without `input_ids`.
    """
    if strategy not in STRATEGIES:
        raise ArgumentError(f"strategy is {strategy!r:.60}; expected one of {', '.join(STRATEGIES)}")
    if seq_length < 1:
        raise ArgumentError(f"seq_length is {seq_length}; expected at least 1 token")
    texts = [_columns(row) for row in dataset]
    texts = [text for text in texts if text["input_ids"]]
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


def _columns(row: Mapping[str, Any]) -> dict[str, list[Any]]:
    if "input_ids" not in row:
        raise InputError(f"a row to be packed has the columns {', '.join(map(str, row)):.200}; expected input_ids")
    columns = {name: plain(value) for name, value in row.items() if not isinstance(value, str)}
    length = len(columns["input_ids"])
    return {name: value for name, value in columns.items() if isinstance(value, list) and len(value) == length}


def _piece(text: Mapping[str, list[Any]], begin: int, end: int) -> dict[str, list[Any]]:
    return {name: value[begin:end] for name, value in text.items()}


def _best_fits(texts: Iterable[dict[str, list[Any]]], size: int) -> list[list[dict[str, list[Any]]]]:
    pieces = [_piece(text, begin, begin + size) for text in texts for begin in range(0, len(text["input_ids"]), size)]
    pieces.sort(key=lambda text: len(text["input_ids"]), reverse=True)
    packs: list[list[dict[str, list[Any]]]] = []
    rooms: list[tuple[int, int]] = []  # tokens that still fit, number of the pack; rising
    for piece in pieces:
        length = len(piece["input_ids"])
        at = bisect_left(rooms, (length, -1))
        if at == len(rooms):
            packs.append([piece])
            room, number = size, len(packs) - 1
        else:
            room, number = rooms.pop(at)
            packs[number].append(piece)
        if room > length:
            insort(rooms, (room - length, number))
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
        ArgumentError: no such size.
    """
    if block_size < 1:
        raise ArgumentError(f"block_size is {block_size}; expected at least 1 token")
    blocks: dict[str, Any] = {}
    for name, rows in examples.items():
        joined = list(chain.from_iterable(rows))
        end = len(joined) // block_size * block_size if drop_last else len(joined)
        blocks[name] = [joined[begin : min(begin + block_size, end)] for begin in range(0, end, block_size)]
    if "labels" not in blocks and "input_ids" in blocks:
        blocks["labels"] = [list(block) for block in blocks["input_ids"]]
    return blocks
