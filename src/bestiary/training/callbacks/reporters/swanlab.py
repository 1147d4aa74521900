"""SwanLab: arguments and metrics of an experiment."""

import os
from typing import Any

from ..base import TrainerControl, TrainerState
from ..reporter import SINGLE_VALUES, OpeningReporter, choices_of, rewrite_logs

PACKAGES = ("swanlab",)


class SwanLabCallback(OpeningReporter):
    """Reports to SwanLab. `SWANLAB_PROJECT`, `SWANLAB_RUN_ID` and `SWANLAB_RESUME` say where; its others the package reads."""

    package = "swanlab"

    def __init__(self) -> None:
        super().__init__()
        self._swanlab: Any = self.tool()

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open the experiment, unless one is open, and keep the arguments and the model's config in it."""
        self._initialized = True
        options: dict[str, Any] = {"experiment_name": args.run_name} if args.run_name else {}
        if state.is_hyper_param_search and state.trial_name is not None:
            options = {"experiment_name": f"{args.run_name}-{state.trial_name}" if args.run_name else state.trial_name}
        resumes = os.environ.get("SWANLAB_RESUME") or ("allow" if args.resume_from_checkpoint else None)
        options["project"] = os.environ.get("SWANLAB_PROJECT")
        again = {"id": os.environ.get("SWANLAB_RUN_ID"), "resume": resumes}
        options |= {name: value for name, value in again.items() if value is not None}
        if not self._is_open():
            self._swanlab.init(**options)
        self._swanlab.config["FRAMEWORK"] = "🤗transformers"
        self._swanlab.config.update(choices_of(args, model))
        if hasattr(model, "num_parameters"):
            self._swanlab.config.update({"model_num_parameters": model.num_parameters()})

    def _is_open(self) -> bool:
        try:
            return self._swanlab.get_run() is not None
        except RuntimeError:  # what recent releases say where none is
            return False

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report all of it; what is logged once stands under `single_value`."""
        if not self.ready(args, state, model):
            return
        logs = dict(logs or {})
        for name in [name for name in logs if name in SINGLE_VALUES]:
            self._swanlab.log({f"single_value/{name}": logs.pop(name)}, step=state.global_step)
        self._swanlab.log({**rewrite_logs(logs), "train/global_step": state.global_step}, step=state.global_step)

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Report the metrics."""
        if self.ready(args, state, **kwargs):
            self._swanlab.log(rewrite_logs(metrics or {}))


CALLBACK = SwanLabCallback
