"""Neptune: arguments, metrics and checkpoints of a run."""

import os
from collections.abc import Mapping
from typing import Any, Literal

from ....core.errors import ArgumentError
from ....hub.files import PUBLISHED as VERSION
from ..base import TrainerControl, TrainerState
from ..reporter import Reporter, config_of, rewrite_logs

PACKAGES = ("neptune",)


class NeptuneMissingConfiguration(Exception):
    """Neptune does not know the project or the token."""

    def __init__(self) -> None:
        super().__init__(
            "Neptune needs a project and a token: set NEPTUNE_PROJECT and NEPTUNE_API_TOKEN, or give"
            " NeptuneCallback(project=..., api_token=...) to the trainer's callbacks"
        )


class NeptuneCallback(Reporter):
    """Reports to Neptune.

    Args:
        api_token, project: by default those of `NEPTUNE_API_TOKEN` and `NEPTUNE_PROJECT`, which the package reads.
        name: of the run. base_namespace: under which all values of the run stand. run: an open run, instead of one of its own.
        log_parameters: keep the arguments and the model's config. log_checkpoints: "same": upload each checkpoint; "last":
            upload it in the place of the one before; "best": upload the best at the end.
        neptune_run_kwargs: further arguments of `neptune.init_run`.

    Raises:
        ArgumentError: another word for `log_checkpoints`.
    """

    package = "neptune"
    integration_version_key = "source_code/integrations/transformers"
    model_parameters_key = "model_parameters"
    trainer_parameters_key = "trainer_parameters"

    def __init__(
        self,
        *,
        api_token: str | None = None,
        project: str | None = None,
        name: str | None = None,
        base_namespace: str = "finetuning",
        run: Any = None,
        log_parameters: bool = True,
        log_checkpoints: Literal["same", "last", "best"] | None = None,
        **neptune_run_kwargs: Any,
    ) -> None:
        super().__init__()
        self._neptune: Any = self.tool()
        if log_checkpoints not in (None, "same", "last", "best"):
            raise ArgumentError(f"log_checkpoints is {log_checkpoints!r:.60}; expected same, last, best or None")
        self._options = {"api_token": api_token, "project": project, "name": name, **neptune_run_kwargs}
        self._base, self._log_parameters, self._log_checkpoints = base_namespace, log_parameters, log_checkpoints
        self._run, self._stops, self._run_id = run, run is None, None
        self._trained = False

    @property
    def run(self) -> Any:
        """The run that is reported to; one that was closed is opened again, without a watch over this process."""
        if self._run is None:
            again: dict[str, Any] = {}
            if self._run_id is not None:
                quiet = ("capture_stdout", "capture_stderr", "capture_hardware_metrics", "capture_traceback")
                again = {"with_id": self._run_id, **dict.fromkeys(quiet, False)}
            errors = self.tool("neptune.exceptions")
            unknown = (errors.NeptuneMissingProjectNameException, errors.NeptuneMissingApiTokenException)
            try:
                self._run = self._neptune.init_run(**again, **self._options)
            except unknown as error:
                raise NeptuneMissingConfiguration from error
            try:
                self._run_id = self._run["sys/id"].fetch()
            except errors.MissingFieldException:  # kept on this machine only (mode="offline"): a later report opens another
                self._run_id = None
        return self._run

    @property
    def _namespace(self) -> Any:
        return self.run[self._base]

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open the run, and keep the arguments and the model's config in it."""
        self._initialized = True
        self.run[self.integration_version_key] = VERSION
        if not self._log_parameters:
            return
        self._namespace[self.trainer_parameters_key] = self._plain(args.to_sanitized_dict())
        if (config := config_of(model)) is not None:
            self._namespace[self.model_parameters_key] = self._plain(config)

    def _plain(self, values: dict[str, Any]) -> Any:
        return self.tool("neptune.utils").stringify_unsupported(values)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Open the run; another training has another."""
        if self._trained and self._stops and state.is_world_process_zero:
            self._close()
            self._run_id, self._initialized = None, False
        self._trained = True
        if self.ready(args, state, model) and state.is_hyper_param_search:
            self._namespace["trial"] = state.trial_name
            self._namespace["trial_params"] = self._plain(dict(state.trial_params or {}))

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Report each number; the epoch is a value, all others are curves."""
        if not self.ready(args, state, model):
            return
        for name, value in rewrite_logs(logs or {}).items():
            if not isinstance(value, int | float):
                continue
            if name == "train/epoch":
                self._namespace[name] = value
            else:
                self._namespace[name].log(value, step=state.global_step)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Upload the checkpoint, if asked to."""
        if self._log_checkpoints in ("same", "last") and self.ready(args, state, **kwargs):
            name = f"checkpoint-{state.global_step}"
            place = name if self._log_checkpoints == "same" else "last"
            self._upload(os.path.join(args.output_dir, name), place)

    def _upload(self, folder: str, place: str) -> None:
        for parent, _, files in os.walk(folder):
            for file in sorted(files):
                path = os.path.join(parent, file)
                self._namespace[f"checkpoints/{place}/{os.path.relpath(path, folder)}"].upload(path)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Upload the best checkpoint, if asked to; close the run. A later evaluation opens it again."""
        if not self._initialized or not state.is_world_process_zero:
            return
        if self._log_checkpoints == "best" and state.best_model_checkpoint is not None:
            self._upload(state.best_model_checkpoint, "best")
        if self._stops:
            self._close()

    def _close(self) -> None:
        if self._run is not None:
            self._run.stop()
            self._run = None


CALLBACK = NeptuneCallback
