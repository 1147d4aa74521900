"""The library's logger. A correct call logs nothing; a warning is given once per process under its code."""

import logging
import os
import sys
import warnings
from collections.abc import Mapping

_PACKAGE = "bestiary"
LEVELS = {
    "detail": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
# Level, file, line and time with every message.
EXPLICIT = logging.Formatter("[%(levelname)s|%(filename)s:%(lineno)s] %(asctime)s >> %(message)s")
stderr_handler = logging.StreamHandler()
_root = logging.getLogger(_PACKAGE)
_warned: set[str] = set()


def get_logger(name: str | None = None) -> logging.Logger:
    """The library's logger, or the child of it for the module `name`."""
    return logging.getLogger(name) if name else _root


def speak_as(name: str, speakers: Mapping[str, str]) -> None:
    """Let the logger `name`, and with it its children, be the library's: this package's becomes one of them.

    `speakers` says which of the children speak for which modules of this package, and what is below those. Messages go to
    stderr, and to the root logger only once `propagate` is set, as it is from the start where the environment says `CI`: tests
    that read messages from there pass on such a machine under either library.
    """
    global _root
    package, _root = logging.getLogger(_PACKAGE), logging.getLogger(name)
    package.parent = _root
    for module, speaker in speakers.items():
        logging.getLogger(f"{_PACKAGE}.{module}").parent = logging.getLogger(f"{name}.{speaker}")
    if _root.level == logging.NOTSET:
        _root.setLevel(package.level)
    package.setLevel(logging.NOTSET)
    _root.addHandler(stderr_handler)
    _root.propagate = os.environ.get("CI", "").lower() in {"1", "on", "yes", "true"}


def _speaker(module: str) -> logging.Logger:
    """The logger of another name that speaks for this module."""
    logger: logging.Logger | None = logging.getLogger(module)
    while logger is not None and logger.name.partition(".")[0] != _root.name:
        logger = logger.parent
    return logger or _root


def get_verbosity() -> int:
    """The effective level of the library's logger."""
    return _root.getEffectiveLevel()


def set_verbosity(level: int) -> None:
    """Set the level of the library's logger (a level of the standard `logging` module).

    Where the program has set up no handler, its messages go to stderr.
    """
    _root.setLevel(level)
    if not _root.hasHandlers():
        _root.addHandler(stderr_handler)


def set_verbosity_by(variable: str) -> None:
    """`set_verbosity` to what the environment variable names, where there is one; "detail" also sets the `EXPLICIT` format."""
    value = os.environ.get(variable, "").lower()
    if value in LEVELS:
        set_verbosity(LEVELS[value])
        if value == "detail":
            stderr_handler.setFormatter(EXPLICIT)
    elif value:
        warnings.warn(f"{variable}={value} is no level; expected one of {', '.join(LEVELS)}", BestiaryWarning, stacklevel=2)


def set_verbosity_error() -> None:
    """Only errors are shown, no warnings."""
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
    """Warn once per process, or once for each `about`.

    `BESTIARY_SILENCE=code,code` in the environment silences by code, `set_verbosity_error` all. The line shown is the
    caller's: the nearest one outside of this library and torch. Where the library speaks as another, as `speak_as` has it, the
    logger that speaks for the calling module tells it, as that library's own does.
    """
    if code + about in _warned or code in os.environ.get("BESTIARY_SILENCE", "").split(","):
        return
    frame, speaker = sys._getframe(), _root
    if _root.name != _PACKAGE and frame.f_back is not None:
        speaker = _speaker(frame.f_back.f_globals.get("__name__", _PACKAGE))
    if not speaker.isEnabledFor(logging.WARNING):
        return
    _warned.add(code + about)
    if _root.name != _PACKAGE:
        speaker.warning("%s [%s]", message, code)
        return
    level = 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (_PACKAGE, "torch"):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{message} [{code}]", BestiaryWarning, stacklevel=level)


def forget_warnings() -> None:
    """Let every warning be given once more (for tests)."""
    _warned.clear()


if _root.level == logging.NOTSET:  # so that `logging.basicConfig(level=...)`, which speaks of all libraries, leaves it be
    _root.setLevel(logging.WARNING)
set_verbosity_by("BESTIARY_VERBOSITY")
