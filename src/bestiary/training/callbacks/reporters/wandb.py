"""Weights & Biases: arguments, metrics and models of a run."""

import os
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....core.logging import warn_once
from ..base import TrainerControl, TrainerState
from ..reporter import (
    SINGLE_VALUES,
    Reporter,
    choices_of,
    config_of,
    rewrite_logs,
    save_for_upload,
    save_model_architecture_to_file,
    says_yes,
)

PACKAGES = ("wandb",)
SWITCH = "WANDB_DISABLED"


class WandbLogModel(str, Enum):  # noqa: UP042 (as published)
    """What `WANDB_LOG_MODEL` says is uploaded: each checkpoint and the end, the end, or nothing."""

    CHECKPOINT = "checkpoint"
    END = "end"
    FALSE = "false"

    @property
    def is_enabled(self) -> bool:
        """Whether anything is."""
        return self is not WandbLogModel.FALSE

    @classmethod
    def _missing_(cls, value: object) -> "WandbLogModel":
        warn_once("wandb-log-model", f"WANDB_LOG_MODEL is {value!r:.60}; expected checkpoint, end or false, which it is now")
        return cls.FALSE


class WandbCallback(Reporter):
    """Reports to the run that is open, or else to one that it opens in the project `WANDB_PROJECT` ("huggingface").

    `WANDB_LOG_MODEL` (`WandbLogModel`) says what is uploaded, `WANDB_WATCH` ("gradients", "parameters", "all") what of the
    weights is watched, `WANDB_DISABLED` that nothing is reported.
    """

    package = "wandb"

    def __init__(self) -> None:
        super().__init__()
        self._wandb: Any = self.tool()
        self._log_model = WandbLogModel(os.environ.get("WANDB_LOG_MODEL", "false"))
        self._run_of_trial = False
        self._off = says_yes(os.environ.get(SWITCH))
        if self._off:
            warn_once("wandb-off", "WANDB_DISABLED is on: nothing is reported to wandb")

    def ready(self, args: Any, state: TrainerState, model: Any = None, **kwargs: Any) -> bool:
        """Whether this process reports."""
        return not self._off and super().ready(args, state, model, **kwargs)

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open a run, and keep the arguments and the model's config in it."""
        wandb = self._wandb
        self._initialized = True
        names = {"name": args.run_name} if args.run_name else {}
        if state.is_hyper_param_search and state.trial_name is not None:
            names = {"name": state.trial_name, "group": args.run_name or args.output_dir}
        if wandb.run is None:
            wandb.init(project=os.environ.get("WANDB_PROJECT", "huggingface"), **names)
            self._run_of_trial = state.is_hyper_param_search
        wandb.config.update(choices_of(args, model), allow_val_change=True)
        if getattr(wandb, "define_metric", None) is not None:
            wandb.define_metric("train/global_step")
            wandb.define_metric("*", step_metric="train/global_step", step_sync=True)
        watched = os.environ.get("WANDB_WATCH", "false")
        if watched in ("all", "parameters", "gradients"):
            wandb.watch(model, log=watched, log_freq=max(100, state.logging_steps))
        wandb.run._label(code="transformers_trainer")
        if hasattr(model, "num_parameters"):
            wandb.config["model/num_parameters"] = model.num_parameters()
        if self._log_model.is_enabled:
            self._upload_architecture(args, model)

    def _upload_architecture(self, args: Any, model: Any) -> None:
        with TemporaryDirectory() as folder:
            save_model_architecture_to_file(model, folder)
            about = {"model_config": config_of(model), "num_parameters": self._wandb.config.get("model/num_parameters")}
            self._upload(args, Path(folder), about | {"initial_model": True}, "base_model")

    def _upload(self, args: Any, folder: Path, metadata: dict[str, Any], alias: str) -> None:
        run = self._wandb.run
        artifact = self._wandb.Artifact(name=f"model-{self._name(args)}", type="model", metadata=metadata)
        for file in sorted(folder.glob("*")):
            if file.is_file():
                with artifact.new_file(file.name, mode="wb") as copy:
                    copy.write(file.read_bytes())
        run.log_artifact(artifact, aliases=[alias])

    def _name(self, args: Any) -> str:
        unnamed = args.run_name is None or args.run_name == args.output_dir
        return str(self._wandb.run.id if unnamed else self._wandb.run.name)

    def _measured(self) -> dict[str, Any]:
        values = dict(self._wandb.summary)
        return {name: each for name, each in values.items() if isinstance(each, int | float) and not name.startswith("_")}

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Open a run; each trial of a search has its own."""
        if self._run_of_trial and state.is_world_process_zero:
            self._wandb.finish()
            self._initialized = False
        self.ready(args, state, model, **kwargs)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report all of it; what is logged once stands in the run's summary."""
        if not self.ready(args, state, model):
            return
        logs = dict(logs or {})
        for name in [name for name in logs if name in SINGLE_VALUES]:
            self._wandb.run.summary[name] = logs.pop(name)
        self._wandb.log({**rewrite_logs(logs), "train/global_step": state.global_step})

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Report the metrics."""
        if self.ready(args, state, **kwargs):
            self._wandb.log(rewrite_logs(metrics or {}))

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Upload the checkpoint, if asked to."""
        if self._log_model is not WandbLogModel.CHECKPOINT or not self._initialized or not state.is_world_process_zero:
            return
        about = self._measured() | {"model/num_parameters": self._wandb.config.get("model/num_parameters")}
        artifact = self._wandb.Artifact(name=f"model-{self._name(args)}", type="model", metadata=about)
        artifact.add_dir(os.path.join(args.output_dir, f"checkpoint-{state.global_step}"))
        aliases = [f"epoch_{round(state.epoch, 2)}", f"checkpoint_global_step_{state.global_step}"]
        self._wandb.log_artifact(artifact, aliases=aliases)

    def on_train_end(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        processing_class: Any = None,
        **kwargs: Any,
    ) -> None:
        """Upload the model, if asked to."""
        if not self._log_model.is_enabled or not self._initialized or not state.is_world_process_zero:
            return
        about = self._measured()
        if args.load_best_model_at_end:
            about = {f"eval/{args.metric_for_best_model}": state.best_metric, "train/total_floss": state.total_flos}
            about["model/num_parameters"] = self._wandb.config.get("model/num_parameters")
        with TemporaryDirectory() as folder:
            if not save_for_upload(model, processing_class, args, folder):
                return
            save_model_architecture_to_file(model, folder)
            self._upload(args, Path(folder), about | {"final_model": True}, "final_model")


CALLBACK = WandbCallback
