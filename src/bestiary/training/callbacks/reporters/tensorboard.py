"""TensorBoard: event files of what is logged."""

import os
from typing import Any

from ....core.optional import available
from ..base import TrainerControl, TrainerState
from ..reporter import Reporter, config_of, default_logdir, number_of, required, rewrite_logs

PACKAGES = ("tensorboard", "tensorboardX")


class TensorBoardCallback(Reporter):
    """Writes event files. The folder is `TENSORBOARD_LOGGING_DIR`, by default one in `runs` of the output folder.

    Args:
        tb_writer: a `SummaryWriter`, instead of one of its own.
    """

    package = "tensorboard"

    def __init__(self, tb_writer: Any = None) -> None:
        super().__init__()
        module = "torch.utils.tensorboard" if available("tensorboard") else "tensorboardX"
        if not available(module):
            module = "tensorboard"  # the error names the one that torch uses
        self._SummaryWriter = required(module, type(self).__name__).SummaryWriter
        self.tb_writer = tb_writer
        self.logging_dir: str | None = os.environ.get("TENSORBOARD_LOGGING_DIR")

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open a writer."""
        if self.logging_dir is None:
            self.logging_dir = os.path.join(args.output_dir, default_logdir())
        folder = self.logging_dir
        if state.is_hyper_param_search and state.trial_name is not None:
            folder = os.path.join(folder, state.trial_name)
        if self.tb_writer is None:
            self.tb_writer = self._SummaryWriter(log_dir=folder)
        self._initialized = True

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Write the arguments and the model's config."""
        if not self.ready(args, state) or not hasattr(self.tb_writer, "add_text"):
            return
        self.tb_writer.add_text("args", args.to_json_string())
        if config_of(model) is not None:
            self.tb_writer.add_text("model_config", model.config.to_json_string())

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Write a point for each number."""
        if not self.ready(args, state):
            return
        for name, value in rewrite_logs(logs or {}).items():
            number = number_of(value, name, self)
            if number is not None:
                self.tb_writer.add_scalar(name, number, state.global_step)
        self.tb_writer.flush()

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Close the file; a later report opens another."""
        if self.tb_writer is not None:
            self.tb_writer.close()
            self.tb_writer, self._initialized = None, False


CALLBACK = TensorBoardCallback
