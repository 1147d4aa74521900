"""The published logging helpers, over the standard library's logger of this library."""

import logging
from logging import CRITICAL as CRITICAL
from logging import DEBUG as DEBUG
from logging import ERROR as ERROR
from logging import INFO as INFO
from logging import NOTSET as NOTSET
from logging import WARNING as WARNING

from ..core.logging import get_logger as get_logger
from ..core.logging import get_verbosity as get_verbosity
from ..core.logging import set_verbosity as set_verbosity
from ..core.logging import set_verbosity_debug as set_verbosity_debug
from ..core.logging import set_verbosity_error as set_verbosity_error
from ..core.logging import set_verbosity_info as set_verbosity_info
from ..core.logging import set_verbosity_warning as set_verbosity_warning

FATAL, WARN = CRITICAL, WARNING
_handler = logging.StreamHandler()


def add_handler(handler: logging.Handler) -> None:
    """Send the library's messages to `handler` too."""
    get_logger().addHandler(handler)


def remove_handler(handler: logging.Handler) -> None:
    """Undo `add_handler`."""
    get_logger().removeHandler(handler)


def enable_default_handler() -> None:
    """Send the library's messages to stderr."""
    add_handler(_handler)


def disable_default_handler() -> None:
    """Undo `enable_default_handler`."""
    remove_handler(_handler)


def enable_propagation() -> None:
    """Pass the library's messages on to the root logger (the default)."""
    get_logger().propagate = True


def disable_propagation() -> None:
    """Keep the library's messages from the root logger."""
    get_logger().propagate = False


def enable_explicit_format() -> None:
    """Show level, file, line and time with every message."""
    for handler in get_logger().handlers:
        handler.setFormatter(logging.Formatter("[%(levelname)s|%(filename)s:%(lineno)s] %(asctime)s >> %(message)s"))


def reset_format() -> None:
    """Undo `enable_explicit_format`."""
    for handler in get_logger().handlers:
        handler.setFormatter(None)


def enable_progress_bar() -> None:
    """Show the bars of downloads (the default)."""
    from huggingface_hub.utils.tqdm import enable_progress_bars

    enable_progress_bars()


def disable_progress_bar() -> None:
    """Hide the bars of downloads."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
