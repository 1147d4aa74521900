"""The texts of rows of data: their tokens, their labels, and where one text ends and the next begins (`seq_lengths`)."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from ...core.errors import InputError
from ...core.kinds import fits
from ...preprocess.text.padding import plain


def tokens_of(row: Any, number: int) -> list[int]:
    """The `input_ids` of a row.

    Args:
        number: the row's, for errors.

    Raises:
        InputError: it is no mapping, or has none.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"row {number} is a {type(row).__name__}; expected a mapping with input_ids")
    tokens = plain(row.get("input_ids"))
    if isinstance(tokens, list | tuple):
        return tokens if isinstance(tokens, list) else list(tokens)
    if "input_ids" in row:
        raise InputError(f"input_ids of row {number} are {tokens!r:.60}; expected a list of ids")
    raise InputError(f"row {number} has the columns {', '.join(map(str, row)):.200}; expected input_ids")


def labels_of(row: Mapping[str, Any], number: int, tokens: int) -> list[int] | None:
    """The `labels` of a row of so many tokens; None where it has none.

    Raises:
        InputError: there is not one for each token.
    """
    labels = plain(row.get("labels"))
    if labels is None:
        return None
    if not isinstance(labels, list | tuple):
        raise InputError(f"labels of row {number} are {labels!r:.60}; expected one for each of its {tokens} tokens")
    if len(labels) != tokens:
        raise InputError(f"row {number} has {len(labels)} labels and {tokens} tokens; expected one label for each token")
    return labels if isinstance(labels, list) else list(labels)


def check_all_have_labels(labels: Mapping[int, Any]) -> None:
    """Refuse rows of which some have labels and others (None) have not; `labels` maps their numbers to labels.

    Raises:
        InputError: such a row.
    """
    without = next((number for number, each in labels.items() if each is None), None)
    having = next((number for number, each in labels.items() if each is not None), None)
    if without is not None and having is not None:
        raise InputError(
            f"row {without} has no labels, and row {having} has some; give every row labels (-100 is where nothing is learned),"
            " or remove the column"
        )


def text_lengths(row: Mapping[str, Any], number: int, tokens: int) -> list[int]:
    """How long the texts of a row of so many tokens are: its `seq_lengths`, or all in one.

    Raises:
        InputError: these are no lengths, or those of other tokens.
    """
    told = plain(row.get("seq_lengths"))
    if told is None:
        return [tokens] if tokens else []
    if not isinstance(told, list | tuple) or not all(fits(length, int) and length > 0 for length in told):
        raise InputError(f"seq_lengths of row {number} are {told!r:.80}; expected whole numbers of tokens, each at least 1")
    if sum(told) != tokens:
        raise InputError(
            f"seq_lengths of row {number} are {list(told)!s:.80}, {sum(told)} in all; its input_ids have {tokens} tokens"
        )
    return [int(length) for length in told]


def split(values: list[Any], lengths: Sequence[int]) -> list[list[Any]]:
    """The values of texts of these lengths, which stand behind each other."""
    if len(lengths) == 1:
        return [values]
    return [values[end - length : end] for end, length in zip(accumulate(lengths), lengths, strict=True)]
