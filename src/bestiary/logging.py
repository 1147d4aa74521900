"""How much the library says: levels, handlers, formats, bars of downloads, under their published names.

>>> from bestiary import logging
>>> logging.set_verbosity_info()
"""

import logging
import os
from functools import cache
from logging import CRITICAL as CRITICAL
from logging import DEBUG as DEBUG
from logging import ERROR as ERROR
from logging import INFO as INFO
from logging import NOTSET as NOTSET
from logging import WARNING as WARNING
from types import MethodType
from typing import Any

from .core.logging import EXPLICIT, stderr_handler
from .core.logging import LEVELS as log_levels
from .core.logging import get_logger as _get_logger
from .core.logging import get_verbosity as get_verbosity
from .core.logging import set_verbosity as set_verbosity
from .core.logging import set_verbosity_debug as set_verbosity_debug
from .core.logging import set_verbosity_error as set_verbosity_error
from .core.logging import set_verbosity_info as set_verbosity_info
from .core.logging import set_verbosity_warning as set_verbosity_warning

FATAL, WARN = CRITICAL, WARNING


def get_logger(name: str | None = None) -> logging.Logger:
    """The library's logger, or the one called `name`.

    Besides the standard methods it has `warning_once` and `info_once`, which say the same only once, and `warning_advice`,
    which says nothing where TRANSFORMERS_NO_ADVISORY_WARNINGS is set.
    """
    logger = _get_logger(name)
    vars(logger).update(warning_once=MethodType(warning_once, logger), info_once=MethodType(info_once, logger))
    vars(logger)["warning_advice"] = logger.warning if not os.environ.get("TRANSFORMERS_NO_ADVISORY_WARNINGS") else _nothing
    return logger


@cache
def warning_once(self: logging.Logger, *args: object, **kwargs: Any) -> None:
    """`get_logger(...).warning_once(...)`, as a function of the logger; `warning_once.cache_clear()` lets all be said again."""
    self.warning(*args, **{"stacklevel": 2, **kwargs})


@cache
def info_once(self: logging.Logger, *args: object, **kwargs: Any) -> None:
    """The same for `info_once`."""
    self.info(*args, **{"stacklevel": 2, **kwargs})


def warning_advice(self: logging.Logger, *args: object, **kwargs: object) -> None:
    """The same for `warning_advice`."""
    vars(get_logger(self.name))["warning_advice"](*args, **kwargs)


def tqdm(*args: Any, **kwargs: Any) -> Any:
    """A bar of progress, which `disable_progress_bar` hides."""
    from huggingface_hub.utils.tqdm import tqdm as bar

    make: Any = bar
    return make(*args, **kwargs)


def _nothing(*args: object, **kwargs: object) -> None:
    """Say nothing."""


def get_log_levels_dict() -> dict[str, int]:
    """Names of levels, as TRANSFORMERS_VERBOSITY takes them -> levels."""
    return dict(log_levels)


def captureWarnings(capture: bool) -> None:
    """Send what `warnings` shows to the loggers instead, or no more."""
    logging.captureWarnings(capture)


def add_handler(handler: logging.Handler) -> None:
    """Send the library's messages to `handler` too."""
    get_logger().addHandler(handler)


def remove_handler(handler: logging.Handler) -> None:
    """Undo `add_handler`."""
    get_logger().removeHandler(handler)


def enable_default_handler() -> None:
    """Send the library's messages to stderr."""
    add_handler(stderr_handler)


def disable_default_handler() -> None:
    """Undo `enable_default_handler`."""
    remove_handler(stderr_handler)


def enable_propagation() -> None:
    """Pass the library's messages on to the root logger (the default, but where scripts call it `transformers`)."""
    get_logger().propagate = True


def disable_propagation() -> None:
    """Keep the library's messages from the root logger."""
    get_logger().propagate = False


def enable_explicit_format() -> None:
    """Show level, file, line and time with every message."""
    for handler in get_logger().handlers:
        handler.setFormatter(EXPLICIT)


def reset_format() -> None:
    """Undo `enable_explicit_format`."""
    for handler in get_logger().handlers:
        handler.setFormatter(None)


def is_progress_bar_enabled() -> bool:
    """Whether the bars of downloads are shown."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    return not are_progress_bars_disabled()


def enable_progress_bar() -> None:
    """Show the bars of downloads (the default)."""
    from huggingface_hub.utils.tqdm import enable_progress_bars

    enable_progress_bars()


def disable_progress_bar() -> None:
    """Hide the bars of downloads."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
