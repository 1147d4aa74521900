"""ClearML: arguments, the model's config, metrics and checkpoints of a task."""

import os
from typing import Any

from ..base import TrainerControl, TrainerState
from ..reporter import SINGLE_VALUES, Reporter, config_of, number_of, says_yes

PACKAGES = ("clearml",)
_HPARAMS, _CONFIG = "Transformers", "Model Configuration"
# Switches of the task: whether what was changed in ClearML's own pages is left alone when the task runs elsewhere.
_KEEPS_ARGUMENTS = f"{_HPARAMS}/_ignore_hparams_ui_overrides_"
_KEEPS_CONFIG = f"{_HPARAMS}/_ignore_model_config_ui_overrides_"


class ClearMLCallback(Reporter):
    """Reports to the task that is open, or else to one that it opens and closes, named by `CLEARML_PROJECT`, `CLEARML_TASK`.

    `CLEARML_LOG_MODEL` says that checkpoints are uploaded.
    """

    package = "clearml"
    log_suffix = ""

    def __init__(self) -> None:
        super().__init__()
        self._clearml: Any = self.tool()
        self._clearml_task: Any = None
        self._log_model, self._closes = False, False

    def setup(self, args: Any, state: TrainerState, model: Any, processing_class: Any = None, **kwargs: Any) -> None:
        """Open the task; keep the arguments and the model's config in it, or take those that it was started with elsewhere."""
        task_class = self._clearml.Task
        self._log_model = says_yes(os.environ.get("CLEARML_LOG_MODEL"))
        self._clearml_task = task = task_class.current_task()
        if task is None:
            self._clearml_task = task = task_class.init(
                project_name=os.environ.get("CLEARML_PROJECT", "HuggingFace Transformers"),
                task_name=os.environ.get("CLEARML_TASK", "Trainer"),
                auto_connect_frameworks={"tensorboard": False, "pytorch": False},
                output_uri=True,
            )
            self._closes = True
        local = task_class.running_locally()
        if local or task.get_parameter(_KEEPS_ARGUMENTS, default=True, cast=True):
            self._copy_training_args_as_hparams(args, _HPARAMS)
        else:
            task._arguments.copy_to_object(args, prefix=_HPARAMS)
        self._switch(_KEEPS_ARGUMENTS, "hyperparameters")
        config = config_of(model)
        if config is not None:
            if not local and not task.get_parameter(_KEEPS_CONFIG, default=True, cast=True):
                connected = task.get_configuration_object_as_dict(_CONFIG)
                model.config = type(model.config).from_dict(connected)
                config = config_of(model)
            self._switch(_KEEPS_CONFIG, "model configuration")
            about = "The configuration of model number 1."
            task.set_configuration_object(name=_CONFIG, config_dict=config, description=about)
        self._initialized = True

    def _switch(self, name: str, what: str) -> None:
        about = f"If True, {what} changed in ClearML's pages has no effect where the task runs remotely"
        self._clearml_task.set_parameter(name=name, value=True, value_type=bool, description=about)

    def _copy_training_args_as_hparams(self, training_args: Any, prefix: str) -> None:
        values = {name: value for name, value in training_args.to_dict().items() if not name.endswith("_token")}
        flatten = self._clearml.utilities.proxy_object.flatten_dictionary
        flat = {name: value for name, value in flatten(values).items() if value is not None}
        self._clearml_task._arguments.copy_from_dict(flat, prefix=prefix)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Open the task."""
        self.ready(args, state, model, processing_class=kwargs.get("processing_class"))

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report each number: as a curve of train, eval or test, or alone where it is logged once."""
        if not self.ready(args, state, model):
            return
        for name, value in (logs or {}).items():
            number = number_of(value, name, self)
            if number is None:
                continue
            logger = self._clearml_task.get_logger()
            stage, _, rest = name.partition("_")
            if name in SINGLE_VALUES or name == "epoch":
                logger.report_single_value(name=f"{name}{self.log_suffix}", value=number)
                continue
            title, series = (stage, rest) if stage in ("eval", "test") and rest else ("train", name)
            logger.report_scalar(title=f"{title}{self.log_suffix}", series=series, value=number, iteration=state.global_step)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Upload the checkpoint, if asked to."""
        if not self._initialized or not self._log_model or not state.is_world_process_zero:
            return
        name = f"checkpoint-{state.global_step}"
        uploaded = self._clearml.OutputModel(task=self._clearml_task, name=name)
        uploaded.connect(task=self._clearml_task, name=name)
        uploaded.update_weights_package(
            weights_path=os.path.join(args.output_dir, name),
            target_filename=name,
            iteration=state.global_step,
            auto_delete_file=False,
        )

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Close the task, if this opened it."""
        if self._closes and state.is_world_process_zero:
            self._clearml_task.close()
            self._clearml_task, self._closes, self._initialized = None, False, False


CALLBACK = ClearMLCallback
