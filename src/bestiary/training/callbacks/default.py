"""Which callback shows how far a training is."""

from typing import Any

from ...core.optional import available
from .base import TrainerCallback
from .live_terminal import stream_to_draw_on
from .notebook import NotebookProgressCallback, in_notebook
from .printer import PrinterCallback
from .progress import ProgressCallback


def progress_callback(args: Any) -> type[TrainerCallback]:
    """Lines where bars are not wanted, a table in a notebook, the live view on a terminal with rich, else bars."""
    if args.disable_tqdm:
        return PrinterCallback
    if in_notebook():
        return NotebookProgressCallback
    if stream_to_draw_on() is not None and available("rich"):
        from .live import LiveProgressCallback

        return LiveProgressCallback
    return ProgressCallback
