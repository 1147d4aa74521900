"""Comet: arguments, the model's config and metrics of an experiment."""

import os
from typing import Any

from ....core.logging import warn_once
from ..base import TrainerControl, TrainerState
from ..reporter import OpeningReporter, config_of, rewrite_logs, says_yes

PACKAGES = ("comet_ml",)
_MODES = ("get", "create", "get_or_create")
# Of older releases: whether the experiment is sent, or kept in COMET_OFFLINE_DIRECTORY, which the package reads itself.
_OLDER_MODES = {"online": True, "offline": False}
_FRAMEWORK = "transformers"


class CometCallback(OpeningReporter):
    """Reports to an experiment of Comet.

    `COMET_MODE` is "get", "create" or "get_or_create", or, as in older releases, "online", "offline" or "disabled";
    `COMET_LOG_ASSETS` says that the output folder is uploaded at the end. The package reads its other variables itself.
    """

    package = "comet_ml"

    def __init__(self) -> None:
        super().__init__()
        self._comet: Any = self.tool()
        self._log_assets, self._experiment = False, None

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Begin the experiment, and keep the arguments and the model's config in it."""
        self._initialized = True
        self._log_assets = says_yes(os.environ.get("COMET_LOG_ASSETS"))
        mode = os.environ.get("COMET_MODE", "").lower() or None
        if mode is not None and mode not in (*_MODES, *_OLDER_MODES):
            if mode != "disabled":
                words = ", ".join((*_MODES, *_OLDER_MODES))
                warn_once("comet-mode", f"COMET_MODE is {mode!r:.60}; expected {words} or disabled; nothing is reported")
            return
        online = _OLDER_MODES.get(mode or "")
        if state.is_hyper_param_search:  # each trial is an experiment
            mode = "create"
        settings = self._comet.ExperimentConfig(name=args.run_name)
        self._experiment = experiment = self._comet.start(
            online=online, mode=mode if mode in _MODES else None, experiment_config=settings
        )
        # Methods that the package has for libraries: they say by which one a value was sent.
        experiment.__internal_api__set_model_graph__(model, framework=_FRAMEWORK)
        values = {"args": args.to_dict()}
        if (config := config_of(model)) is not None:
            values["config"] = config
        keep = experiment.__internal_api__log_parameters__
        keep(values, framework=_FRAMEWORK, source="manual", flatten_nested=True)
        if state.is_hyper_param_search:
            experiment.log_optimization(optimization_id=state.trial_name, parameters=state.trial_params)

    def _send(self, values: Any, state: TrainerState) -> None:
        if self._experiment is not None:
            send = self._experiment.__internal_api__log_metrics__
            send(rewrite_logs(values or {}), step=state.global_step, epoch=state.epoch, framework=_FRAMEWORK)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report all of it."""
        if self.ready(args, state, model):
            self._send(logs, state)

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Report the metrics."""
        if self.ready(args, state, **kwargs):
            self._send(metrics, state)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Upload the output folder, if asked to; a search ends the experiment, for each trial has its own."""
        if self._experiment is None or not state.is_world_process_zero:
            return
        if self._log_assets:
            folder = args.output_dir
            self._experiment.log_asset_folder(folder, recursive=True, log_file_name=True, step=state.global_step)
        if state.is_hyper_param_search:
            self._experiment.clean()
            self._experiment, self._initialized = None, False


CALLBACK = CometCallback
