"""The library's logger. A correct call logs nothing; a warning is given once per process under its code."""

import logging
import os
import sys
import warnings

_ROOT = "bestiary"
_warned: set[str] = set()


def get_logger(name: str | None = None) -> logging.Logger:
    """The library's logger, or the child of it for the module `name`."""
    return logging.getLogger(name or _ROOT)


def get_verbosity() -> int:
    """The effective level of the library's logger."""
    return get_logger().getEffectiveLevel()


def set_verbosity(level: int) -> None:
    """Set the level of the library's logger (a level of the standard `logging` module)."""
    get_logger().setLevel(level)


def set_verbosity_error() -> None:
    """Only errors are shown."""
    set_verbosity(logging.ERROR)


def set_verbosity_warning() -> None:
    """Warnings and errors are shown (the default)."""
    set_verbosity(logging.WARNING)


def set_verbosity_info() -> None:
    """Also what the library decides by itself is shown."""
    set_verbosity(logging.INFO)


def set_verbosity_debug() -> None:
    """Everything is shown."""
    set_verbosity(logging.DEBUG)


class BestiaryWarning(UserWarning):
    """A warning of this library; its text ends with the code that silences it."""


def warn_once(code: str, message: str, about: str = "") -> None:
    """Warn once per process, or once for each `about`; `BESTIARY_SILENCE=code,code` in the environment silences by code.

    The line shown is the caller's: the nearest one outside of this library and torch.
    """
    if code + about in _warned or code in os.environ.get("BESTIARY_SILENCE", "").split(","):
        return
    _warned.add(code + about)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (_ROOT, "torch"):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{message} [{code}]", BestiaryWarning, stacklevel=level)


def forget_warnings() -> None:
    """Let every warning be given once more (for tests)."""
    _warned.clear()
