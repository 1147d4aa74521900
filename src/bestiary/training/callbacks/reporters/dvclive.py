"""DVCLive: arguments, metrics and models of an experiment of DVC."""

import os
from typing import Any, Literal

from ....core.errors import ArgumentError
from ..base import TrainerControl, TrainerState
from ..reporter import OpeningReporter, number_of, save_for_upload, says_yes

PACKAGES = ("dvclive",)
# The style of names that the package knows: `eval_loss` is `eval/loss`.
_STYLE = "dvclive.huggingface"


class DVCLiveCallback(OpeningReporter):
    """Reports to DVCLive.

    Args:
        live: an open `dvclive.Live`, instead of one made of `kwargs`.
        log_model: True: the model at the end is kept. "all": the output folder after each checkpoint. By default as
            `HF_DVCLIVE_LOG_MODEL` says.

    Raises:
        ArgumentError: `live` is something else.
    """

    package = "dvclive"

    def __init__(self, live: Any = None, log_model: Literal["all"] | bool | None = None, **kwargs: Any) -> None:
        super().__init__()
        live_class: Any = self.tool().Live
        if live is not None and not isinstance(live, live_class):
            raise ArgumentError(f"live is a {type(live).__name__}; expected a dvclive.Live")
        self._live_class, self._live_options = live_class, kwargs
        self.live: Any = live
        self._log_model = log_model

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open the experiment, and keep the arguments in it."""
        self._initialized = True
        if self._log_model is None:
            word = os.environ.get("HF_DVCLIVE_LOG_MODEL", "")
            self._log_model = "all" if word.lower() == "all" else says_yes(word)
        if self.live is None:
            self.live = self._live_class(**self._live_options)
        self.live.log_params(args.to_dict())

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report each number; a log is a step."""
        if not self.ready(args, state, model):
            return
        named = self.tool("dvclive.utils").standardize_metric_name
        for name, value in (logs or {}).items():
            number = number_of(value, name, self)
            if number is not None:
                self.live.log_metric(named(name, _STYLE), number)
        self.live.next_step()

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the output folder, if asked to."""
        if self._initialized and self._log_model == "all" and state.is_world_process_zero:
            self.live.log_artifact(args.output_dir)

    def on_train_end(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        processing_class: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keep the model, if asked to; close the experiment."""
        if not self._initialized or not state.is_world_process_zero:
            return
        if self._log_model is True:
            name = "best" if args.load_best_model_at_end else "last"
            folder = os.path.join(args.output_dir, name)
            if save_for_upload(model, processing_class, args, folder):
                self.live.log_artifact(folder, name=name, type="model", copy=True)
        self.live.end()


CALLBACK = DVCLiveCallback
