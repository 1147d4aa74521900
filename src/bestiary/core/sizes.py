"""Sizes in bytes, as people write them."""

import re

from .errors import InputError

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def parse_size(size: int | str) -> int:
    """Bytes of `size`: an integer, or a number with a unit, decimal (`"5GB"`) or binary (`"5GiB"`), in any case.

    Raises:
        InputError: no unit, an unknown unit, or a number that is not positive.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", size) if isinstance(size, str) else None
    if match is None or match[2].upper() not in _UNITS or float(match[1]) <= 0:
        raise InputError(f"{size!r} is not a size: give bytes as a positive integer, or a text such as '500MB', '5GB', '2GiB'")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def show_size(count: int) -> str:
    """`count` bytes in the largest decimal unit that keeps at least one digit before the point: `2.20 GB`."""
    for unit in ("TB", "GB", "MB", "KB"):
        if count >= _UNITS[unit]:
            return f"{count / _UNITS[unit]:.2f} {unit}"
    return f"{count} bytes"
