"""What a file of Python imports of other packages, read off its syntax; nothing runs."""

import ast
import importlib.util
import re
from collections.abc import Iterator

from ...core.errors import CorruptFile

# Calls by which code asks whether a package is there before it imports it.
_ASKS = re.compile(r"is_\w+_(available|greater_or_equal\w*)|is_flash_attn\w*available")


def absolute_imports(source: bytes | str, file: str) -> set[str]:
    """The packages that must be there: imports within `try` and behind `if is_..._available()` are left out.

    Raises:
        CorruptFile: `file` is not Python.
    """
    try:
        return set(_packages(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CorruptFile(f"{file} is not Python: {error}") from error


def _packages(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Try) or (isinstance(node, ast.If) and _asks(node.test)):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _packages(child)


def _asks(test: ast.expr) -> bool:
    calls = (node.func for node in ast.walk(test) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and _ASKS.fullmatch(function.id) for function in calls)


def is_missing(package: str) -> bool:
    """Whether `package` is not installed; nothing is imported."""
    try:
        return importlib.util.find_spec(package) is None
    except (ImportError, ValueError):  # a module in sys.modules that says nothing of where it is from
        return False
