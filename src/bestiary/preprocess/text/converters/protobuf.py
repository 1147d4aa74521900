"""The wire format of protocol buffers, as far as reading a known message needs it."""

import struct
from collections.abc import Iterator

from ....core.errors import CorruptFile

Value = int | bytes


def fields(data: bytes, what: str) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message: integers as they stand, the rest as bytes.

    Raises:
        CorruptFile: the message is cut short, or holds what no message holds; `what` names it.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position, what)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise CorruptFile(f"{what} has a field number 0 at byte {position}; it is no protocol buffer")
        if kind == 0:
            integer, position = _varint(data, position, what)
            yield number, integer
            continue
        if kind == 2:
            size, position = _varint(data, position, what)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise CorruptFile(f"{what} has a field of kind {kind} at byte {position}; it is no protocol buffer")
        if position + size > len(data):
            raise CorruptFile(f"{what} is cut short: a field of {size} bytes begins at byte {position} of {len(data)}")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int, what: str) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise CorruptFile(f"{what} is cut short or no protocol buffer: a number breaks off at byte {position}")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def text(value: Value, what: str) -> str:
    """A string field.

    Raises:
        CorruptFile: it is no UTF-8.
    """
    try:
        return _bytes(value, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{what} holds a string that is not UTF-8: {error}") from error


def number(value: Value, what: str) -> float:
    """A float field."""
    raw = _bytes(value, what)
    if len(raw) != 4:
        raise CorruptFile(f"{what} holds a float of {len(raw)} bytes, expected 4")
    return float(struct.unpack("<f", raw)[0])


def integer(value: Value, what: str) -> int:
    """A signed integer field."""
    if not isinstance(value, int):
        raise CorruptFile(f"{what} holds bytes where a number is expected")
    return value - (1 << 64) if value >= 1 << 63 else value


def message(value: Value, what: str) -> bytes:
    """A field that is itself a message, or plain bytes."""
    return _bytes(value, what)


def _bytes(value: Value, what: str) -> bytes:
    if isinstance(value, int):
        raise CorruptFile(f"{what} holds a number where bytes are expected")
    return value
