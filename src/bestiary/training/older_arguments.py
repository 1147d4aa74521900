"""Spellings of `TrainingArguments` that older releases used, and arguments that are not here yet."""

from dataclasses import fields
from inspect import Signature, signature
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, did_you_mean
from ..core.logging import warn_once

RENAMED = {
    "activation_checkpointing": "gradient_checkpointing",
    "activation_checkpointing_kwargs": "gradient_checkpointing_kwargs",
    "evaluation_strategy": "eval_strategy",
    "no_cuda": "use_cpu",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "push_to_hub_model_id": "hub_model_id",
    "push_to_hub_token": "hub_token",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "warmup_ratio": "warmup_steps",
    "xpu_backend": "ddp_backend",
}
# Accepted, told once: what each of them chose is always so here.
WITHOUT_CHOICE = {
    "dispatch_batches": "each process loads its own batches",
    "enable_jit_checkpoint": "a checkpoint is written when the process is asked to end (SIGTERM)",
    "eval_use_gather_object": "predictions of any nested form are gathered",
    "include_tokens_per_second": "the report of a training shows tokens per second",
    "jit_mode_eval": "torch_compile=True makes forwards faster, also those of evaluations",
    "use_ipex": "what it did is in torch itself by now",
    "fp16_backend": "torch's own mixed precision is used",
    "fp16_opt_level": "torch's own mixed precision is used",
    "half_precision_backend": "torch's own mixed precision is used",
    "logging_dir": "the variable TENSORBOARD_LOGGING_DIR names the folder of TensorBoard's files",
    "overwrite_output_dir": "nothing is overwritten but checkpoints of the same step",
    "save_safetensors": "weights are saved as safetensors",
    "split_batches": "the batch size is that of one device",
    "use_legacy_prediction_loop": "there is one loop of evaluation",
    "use_mps_device": "the device is what the machine has, unless use_cpu=True",
}
LATER = frozenset(
    "mp_parameters parallelism_config ray_scope sharded_ddp torchdynamo"  # noqa: SIM905
    " tpu_metrics_debug tpu_num_cores".split()
)
# Older arguments that are keys of `fsdp_config` by now.
OF_FSDP = ("fsdp_min_num_params", "fsdp_transformer_layer_cls_to_wrap")

_LIGER = "it replaces classes of the published library by name, and models here are made of others; torch_compile=True fuses"
# Refused for good, with the reason.
NEVER = {"use_liger_kernel": _LIGER, "liger_kernel_config": _LIGER}


class AcceptsOlderArguments(type):
    """The class of a dataclass of arguments that can be made with older spellings too, each of which is told once.

    An older spelling reads as what it is called now; what is not here, or leaves no choice, reads as None. Making one raises
    `ArgumentError` for an argument that is said in both spellings, that is not here yet, or unknown.
    """

    older_options: tuple[str, ...] = tuple(WITHOUT_CHOICE)  # taken on a command line too

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        # Code around a trainer asks whether these are on.
        for each in (*LATER, *WITHOUT_CHOICE, *NEVER):
            if not hasattr(cls, each):
                setattr(cls, each, None)
        for older, newer in RENAMED.items():
            if older != "warmup_ratio":  # of which warmup_steps is one only below 1
                setattr(cls, older, _read_as(newer))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        folder = args[0] if args else kwargs.get("output_dir")
        return super().__call__(*args, **_present(cls, kwargs, folder))

    @property
    def __signature__(cls) -> Signature:
        shown = signature(cls.__init__)  # type: ignore[misc]
        return shown.replace(parameters=list(shown.parameters.values())[1:])


def _read_as(name: str) -> property:
    """An attribute that is another one."""
    return property(lambda args: getattr(args, name), lambda args, value: setattr(args, name, value))


def _present(arguments: Any, kwargs: dict[str, Any], folder: Any) -> dict[str, Any]:
    known = {each.name for each in fields(arguments)}
    present = {name: value for name, value in kwargs.items() if name in known}
    for name, value in kwargs.items():
        if name in known:
            continue
        if name == "group_by_length":
            _take(present, name, "train_sampling_strategy", "group_by_length" if value else None)
        elif name == "warmup_ratio" and isinstance(value, int | float) and value > 1:
            raise ArgumentError(f"warmup_ratio is {value}; expected a part of all steps, 0 to 1")
        elif name == "adafactor":
            _take(present, name, "optim", "adafactor" if value else None)
        elif name == "include_inputs_for_metrics":
            _take(present, name, "include_for_metrics", ["inputs"] if value else None)
        elif name in OF_FSDP:
            _take_into_fsdp(present, name, value)
        elif name == "push_to_hub_organization":
            continue  # when the repository's name is known
        elif name in RENAMED:
            _take(present, name, RENAMED[name], value)
        elif name in WITHOUT_CHOICE:
            if value not in (None, False):
                warn_once("no-choice", f"{name}={value!r:.60} has no effect: {WITHOUT_CHOICE[name]}", name)
        elif name in NEVER:
            if value:
                raise ArgumentError(f"{name}={value!r:.60} cannot be done: {NEVER[name]}")
        elif name not in LATER:
            raise ArgumentError(f"{arguments.__name__} has no {name!r:.60}.{did_you_mean(name, known)}")
        elif value not in (None, False, "", [], -1, 0):
            raise ArgumentError(f"{name}={value!r:.60} cannot be done yet; leave it out")
    if organization := kwargs.get("push_to_hub_organization"):
        repository = present.pop("hub_model_id", None) or Path(folder or "trainer_output").absolute().name
        whole = repository if "/" in repository else f"{organization}/{repository}"
        _take(present, "push_to_hub_organization", "hub_model_id", whole)
    return present


def _take_into_fsdp(present: dict[str, Any], name: str, value: Any) -> None:
    if not value:
        return
    config = present.get("fsdp_config") or {}
    key = name.removeprefix("fsdp_")
    if not isinstance(config, dict) or key in config or name in config:
        raise ArgumentError(f"{name} is the older name of {key} in fsdp_config, which is said too; leave {name} out")
    warn_once("older-argument", f"{name} is now {key} in fsdp_config", name)
    present["fsdp_config"] = {**config, key: value}


def _take(present: dict[str, Any], older: str, name: str, value: Any) -> None:
    if value is None or (name in present and not value):
        return
    if name in present:
        raise ArgumentError(f"{older} is the older name of {name}, and both are said; leave {older} out")
    if not older.startswith("activation_checkpointing"):  # which is the newer name elsewhere
        warn_once("older-argument", f"{older} is now called {name}", older)
    present[name] = value
