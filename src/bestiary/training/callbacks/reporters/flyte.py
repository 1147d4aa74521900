"""Flyte: checkpoints of a task, and a page of what was logged."""

import os
from typing import Any

from ....core.optional import available
from ..base import TrainerControl, TrainerState
from ..reporter import Reporter

PACKAGES = ("flytekit",)


class FlyteCallback(Reporter):
    """Reports to the task of Flyte that it runs in.

    Args:
        save_log_history: make a page ("Deck") of what was logged; it needs flytekitplugins-deck-standard and pandas.
        sync_checkpoints: keep each checkpoint with the task, which can go on from it.
    """

    package = "flytekit"

    def __init__(self, save_log_history: bool = True, sync_checkpoints: bool = True) -> None:
        super().__init__()
        self.cp = self.tool().current_context().checkpoint
        shows = available("pandas") and available("flytekitplugins")
        self.save_log_history, self.sync_checkpoints = save_log_history and shows, sync_checkpoints

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the checkpoint."""
        if self.sync_checkpoints and state.is_world_process_zero:
            self.cp.save(os.path.join(args.output_dir, f"checkpoint-{state.global_step}"))

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Make the page."""
        if self.save_log_history and state.is_world_process_zero:
            table = self.tool("pandas").DataFrame(state.log_history)
            renderer = self.tool("flytekitplugins.deck.renderer").TableRenderer()
            self.tool().Deck("Log History", renderer.to_html(table))


CALLBACK = FlyteCallback
