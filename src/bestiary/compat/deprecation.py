"""`deprecate_kwarg`: a decorator for functions whose keyword has got another name, or none."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.errors import ArgumentError
from ..core.logging import warn_once
from ..hub.files import PUBLISHED


def deprecate_kwarg(
    old_name: str,
    version: str,
    new_name: str | None = None,
    warn_if_greater_or_equal_version: bool = False,
    raise_if_greater_or_equal_version: bool = False,
    raise_if_both_names: bool = False,
    additional_message: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function take the keyword `old_name` with a warning, and hand it on as `new_name`, where it has one.

    Args:
        version: the release that no longer has the old name; from it on the warning ends, unless
            warn_if_greater_or_equal_version, or the old name is refused: raise_if_greater_or_equal_version.
        raise_if_both_names: refuse a call with both; else the old one is left out, with a warning.

    Raises:
        ArgumentError: in a call, as said above.
    """
    numbers = [tuple(int(part) for part in text.split(".") if part.isdigit()) for text in (PUBLISHED, version)]
    is_past = numbers[0] >= numbers[1]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        method = next(iter(inspect.signature(function).parameters), "") in ("self", "cls")

        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            if old_name not in kwargs:
                return function(*args, **kwargs)
            owner = f"{type(args[0]).__name__}." if method and args else ""
            message = f"{owner}{function.__name__}: {old_name} is of releases before {version}"
            message += f"; pass {new_name}" if new_name else ""
            message += f". {additional_message}" if additional_message else ""
            both = new_name is not None and new_name in kwargs
            if (is_past and raise_if_greater_or_equal_version) or (both and raise_if_both_names):
                raise ArgumentError(message)
            if both or not is_past or warn_if_greater_or_equal_version:
                warn_once("deprecated-keyword", message, f"{function.__qualname__}.{old_name}")
            value = kwargs.pop(old_name)
            if new_name is None:
                kwargs[old_name] = value
            elif not both:
                kwargs[new_name] = value
            return function(*args, **kwargs)

        return decorated

    return decorate
