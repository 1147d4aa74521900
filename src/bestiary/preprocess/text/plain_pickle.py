"""Pickles that hold plain values only, as old tokenizers saved their tables; nothing in a file can make this call anything."""

import io
import os
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.errors import CorruptFile, UnsafeFile

# What builds numbers, texts, lists and tables of them, and calls what `_Reader` knows with no or one argument.
_STEPS = """
PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT UNICODE
SHORT_BINUNICODE BINUNICODE EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 EMPTY_DICT DICT SETITEM SETITEMS
PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET MEMOIZE GLOBAL STACK_GLOBAL REDUCE
"""
_TABLES = frozenset({("collections", "OrderedDict"), ("collections", "Counter")})
_CALLS = 16  # a table is copied when it is called for, and one table may be named many times


class _Reader(pickle.Unpickler):
    """Reads ordered tables and counters as plain dictionaries, and knows nothing else."""

    def __init__(self, content: bytes, path: str | os.PathLike[str]) -> None:
        super().__init__(io.BytesIO(content))
        self._path, self._calls = path, 0

    def find_class(self, module: str, name: str) -> Callable[..., dict[Any, Any]]:
        if (module, name) not in _TABLES:
            raise UnsafeFile(
                f"{self._path} was not opened: it asks for {module}.{name}, and a vocabulary may ask for nothing. Where you"
                " trust it, write its tokens into a text file, one a line"
            )
        return self._table

    def _table(self, items: Any = ()) -> dict[Any, Any]:
        self._calls += 1
        if self._calls > _CALLS:
            raise CorruptFile(f"{self._path} makes more than {_CALLS} tables")
        return dict(items)


def _check(content: bytes, path: str | os.PathLike[str]) -> None:
    """Refuse steps that plain values do not need, and those that would take room or time beyond the size of the file."""
    in_call, known = True, frozenset(_STEPS.split())
    for step, argument, _ in pickletools.genops(content):
        if step.name not in known:
            raise UnsafeFile(f"{path} was not opened: its step {step.name} builds more than plain values")
        if step.name.endswith("PUT") and int(argument or 0) > len(content):
            raise CorruptFile(f"{path} numbers a value {argument}, and has {len(content)} bytes")
        if step.name.endswith("PUT") or step.name == "MEMOIZE":
            continue
        if not in_call and step.name != "REDUCE":  # tuples within tuples could take for ever to be looked up
            raise CorruptFile(f"{path} holds a tuple, which no table of words does")
        in_call = not step.name.startswith("TUPLE")


def read_plain_pickle(path: str | os.PathLike[str]) -> Any:
    """The value in a pickle of plain values; what was an ordered table or a counter is a dictionary.

    Raises:
        UnsafeFile: it asks for anything else; the message names it.
        CorruptFile: it is no pickle, is cut short, or builds values in a way that plain ones do not need.
    """
    content = Path(path).read_bytes()
    try:
        _check(content, path)
        return _Reader(content, path).load()
    except (UnsafeFile, CorruptFile):
        raise
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise CorruptFile(f"{path} is no pickle, or is damaged: {error}") from error
