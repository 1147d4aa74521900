"""MLflow: arguments, metrics and checkpoints of a run."""

import json
import os
from typing import Any

from ....core.errors import MissingReporter
from ....core.logging import warn_once
from ..base import TrainerControl, TrainerState
from ..reporter import OpeningReporter, choices_of, number_of, says_yes

PACKAGES = ("mlflow",)
SWITCH = "DISABLE_MLFLOW_INTEGRATION"


class MLflowCallback(OpeningReporter):
    """Reports to the run that is open, or else to one that it opens and ends.

    `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`, `MLFLOW_RUN_ID`, `MLFLOW_NESTED_RUN`, `MLFLOW_TAGS` (JSON) say where,
    `MLFLOW_FLATTEN_PARAMS` and `MLFLOW_MAX_LOG_PARAMS` how arguments are kept, `HF_MLFLOW_LOG_ARTIFACTS` that checkpoints are.
    """

    package = "mlflow"

    def __init__(self) -> None:
        super().__init__()
        if says_yes(os.environ.get(SWITCH)):
            raise MissingReporter("report_to names mlflow, and DISABLE_MLFLOW_INTEGRATION turns it off; leave one of them out")
        self._ml_flow = self.tool()
        limits = self.tool("mlflow.utils.validation")
        self._MAX_PARAM_VAL_LENGTH: int = limits.MAX_PARAM_VAL_LENGTH
        self._MAX_PARAMS_TAGS_PER_BATCH: int = limits.MAX_PARAMS_TAGS_PER_BATCH
        self._auto_end_run, self._log_artifacts = False, False

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open a run, and keep the arguments and the model's config in it."""
        flow, address = self._ml_flow, os.environ.get("MLFLOW_TRACKING_URI")
        self._log_artifacts = says_yes(os.environ.get("HF_MLFLOW_LOG_ARTIFACTS"))
        if not flow.is_tracking_uri_set() and address:
            flow.set_tracking_uri(address)
        if flow.active_run() is None:
            if experiment := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
                flow.set_experiment(experiment)
            flow.start_run(run_name=args.run_name, nested=says_yes(os.environ.get("MLFLOW_NESTED_RUN")))
            self._auto_end_run = True
        self._keep_arguments(choices_of(args, model))
        if tags := os.environ.get("MLFLOW_TAGS"):
            flow.set_tags(json.loads(tags))
        self._initialized = True

    def _keep_arguments(self, values: dict[str, Any]) -> None:
        if says_yes(os.environ.get("MLFLOW_FLATTEN_PARAMS")):
            values = _flat(values)
        kept = {name: value for name, value in values.items() if len(str(value)) <= self._MAX_PARAM_VAL_LENGTH}
        if len(kept) < len(values):
            left = ", ".join(sorted(values.keys() - kept.keys()))
            warn_once("long-argument", f"mlflow takes arguments of {self._MAX_PARAM_VAL_LENGTH} letters; left out: {left}")
        most = os.environ.get("MLFLOW_MAX_LOG_PARAMS", "")
        items = list(kept.items())[: int(most) if most.isdigit() else None]
        for start in range(0, len(items), self._MAX_PARAMS_TAGS_PER_BATCH):
            self._ml_flow.log_params(dict(items[start : start + self._MAX_PARAMS_TAGS_PER_BATCH]), synchronous=False)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, model: Any = None, **kwargs: Any
    ) -> None:
        """Report each number, under the name it is logged by."""
        if self.ready(args, state, model):
            numbers = {name: number_of(value, name, self) for name, value in (logs or {}).items()}
            metrics = {name: value for name, value in numbers.items() if value is not None}
            self._ml_flow.log_metrics(metrics=metrics, step=state.global_step, synchronous=False)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """End the run, if this opened it."""
        if self._initialized and state.is_world_process_zero and self._auto_end_run and self._ml_flow.active_run():
            self._ml_flow.end_run()

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the checkpoint, if asked to."""
        if self._initialized and state.is_world_process_zero and self._log_artifacts:
            name = f"checkpoint-{state.global_step}"
            self._ml_flow.pyfunc.log_model(
                name,
                artifacts={"model_path": os.path.join(args.output_dir, name)},
                python_model=self._ml_flow.pyfunc.PythonModel(),
            )


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables as one, names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, dict) and value
        flat |= _flat(value, f"{before}{name}.") if nested else {f"{before}{name}": value}
    return flat


CALLBACK = MLflowCallback
