"""What scripts import from the trainer's modules, beside what the trainer itself uses."""

import inspect
import os
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..core.logging import get_logger
from ..core.optional import require
from ..training.collators.default import default_data_collator
from ..training.loaders import has_length as has_length
from ..training.losses import LabelSmoother as LabelSmoother
from ..training.neftune import activate_neftune as activate_neftune
from ..training.neftune import deactivate_neftune as deactivate_neftune
from ..training.neftune import neftune_post_forward_hook as neftune_post_forward_hook
from ..training.nested import atleast_1d as atleast_1d
from ..training.nested import nested_concat as nested_concat
from ..training.nested import nested_detach as nested_detach
from ..training.nested import nested_numpify as nested_numpify
from ..training.nested import nested_truncate as nested_truncate
from ..training.nested import numpy_pad_and_concatenate as numpy_pad_and_concatenate
from ..training.nested import torch_pad_and_concatenate as torch_pad_and_concatenate
from ..training.optimization import Optimization
from ..training.optimizers.layerwise import LayerWiseDummyOptimizer as LayerWiseDummyOptimizer
from ..training.optimizers.layerwise import LayerWiseDummyScheduler as LayerWiseDummyScheduler
from ..training.optimizers.targets import check_target_module_exists as check_target_module_exists
from ..training.run_metrics import as_number
from ..training.run_metrics import metrics_format as metrics_format
from ..training.saving import Saving
from ..training.special_tokens import align_special_tokens as align_special_tokens

logger = get_logger(__name__)

# Methods of a trainer, which is their first argument.
get_learning_rates, get_num_trainable_parameters = Optimization.get_learning_rates, Optimization.get_num_trainable_parameters
get_optimizer_group, log_metrics, save_metrics = Optimization.get_optimizer_group, Saving.log_metrics, Saving.save_metrics
save_state = Saving.save_state

torch_default_data_collator = default_data_collator
numpy_default_data_collator = partial(default_data_collator, return_tensors="np")


def expand_like(arrays: Any, new_seq_length: int, padding_index: float = -100) -> Any:
    """An array (N, S, ...) as (N, `new_seq_length`, ...), filled with `padding_index`."""
    wide = np.full((arrays.shape[0], new_seq_length, *arrays.shape[2:]), padding_index, dtype=arrays.dtype)
    wide[:, : arrays.shape[1]] = arrays
    return wide


def find_batch_size(tensors: Any) -> int | None:
    """The rows of the first array of a nest; None where there is none."""
    if isinstance(tensors, list | tuple | Mapping):
        below = tensors.values() if isinstance(tensors, Mapping) else tensors
        return next((size for each in below if (size := find_batch_size(each)) is not None), None)
    return len(tensors) if isinstance(tensors, Tensor | np.ndarray) and tensors.ndim else None


@contextmanager
def local_torch_dtype(dtype: torch.dtype, model_class_name: str | None = None) -> Iterator[None]:
    """New tensors are of this floating-point `dtype` meanwhile.

    Raises:
        ArgumentError: `dtype` is no floating-point one; it names the model class that was to be made.
    """
    if not dtype.is_floating_point:
        raise ArgumentError(f"{model_class_name or 'a model'} cannot be made in {dtype}; expected a floating-point dtype")
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def denumpify_detensorize(metrics: Any) -> Any:
    """Metrics in lists, tuples and mappings, whose arrays and tensors of one number are plain numbers."""
    if isinstance(metrics, list | tuple):
        return type(metrics)(denumpify_detensorize(each) for each in metrics)
    if isinstance(metrics, Mapping):
        return type(metrics)({name: denumpify_detensorize(each) for name, each in metrics.items()})  # type: ignore[call-arg]
    return as_number(metrics) if isinstance(metrics, np.generic | Tensor) else metrics


def number_of_arguments(func: Any) -> int:
    """How many arguments a function takes, without those that a partial one has by place or name."""
    if isinstance(func, partial):
        return number_of_arguments(func.func) - len(func.args) - len(func.keywords)
    return len(inspect.signature(func).parameters)


def find_executable_batch_size(
    function: Callable[..., Any] | None = None, starting_batch_size: int = 128, auto_find_batch_size: bool = False
) -> Any:
    """A decorator of a function whose first argument is a batch size: it is called with smaller ones until memory suffices.

    Args:
        starting_batch_size: the first one; each next is 0.9 of it. auto_find_batch_size: without it the first is the only one.

    Raises:
        RuntimeError (in the call): none suffices. TypeError (in the call): a batch size was passed.
    """
    if function is None:
        return partial(
            find_executable_batch_size, starting_batch_size=starting_batch_size, auto_find_batch_size=auto_find_batch_size
        )
    if not auto_find_batch_size:
        return partial(function, batch_size=starting_batch_size)
    accelerate: Any = require("accelerate", "find_executable_batch_size(auto_find_batch_size=True)")
    return accelerate.utils.find_executable_batch_size(function, starting_batch_size=starting_batch_size)


class RemoveColumnsCollator:
    """A collator that gets rows without the columns that are not in `signature_columns`.

    Args:
        data_collator: makes the batch. logger: is told once which columns were dropped, of `model_name` and `description`.
    """

    def __init__(
        self,
        data_collator: Callable[[list[Any]], Any],
        signature_columns: Iterable[str],
        logger: Any = None,
        model_name: str | None = None,
        description: str | None = None,
    ) -> None:
        self.data_collator, self.signature_columns = data_collator, signature_columns
        self.logger, self.model_name, self.description, self.message_logged = logger, model_name, description, False

    def __call__(self, features: list[Any]) -> Any:
        """The batch."""
        return self.data_collator([self._remove_columns(each) for each in features])

    def _remove_columns(self, feature: Any) -> Any:
        if not isinstance(feature, dict):
            return feature
        dropped = [name for name in feature if name not in self.signature_columns]
        if dropped and self.logger is not None and self.model_name and not self.message_logged:
            self.message_logged = True
            where = f" in the {self.description} set" if self.description else ""
            self.logger.info(f"columns{where} that {self.model_name} does not take are dropped: {', '.join(dropped)}")
        return {name: value for name, value in feature.items() if name in self.signature_columns}


def compare_trainer_and_checkpoint_args(training_args: Any, trainer_state: Any) -> None:
    """Tell which intervals, and whether the batch size, are others than those of the state of a checkpoint."""
    pairs = {
        name: (getattr(training_args, name), getattr(trainer_state, name))
        for name in ("logging_steps", "eval_steps", "save_steps")
    }
    rows = training_args.per_device_train_batch_size
    pairs["per_device_train_batch_size"] = rows, (trainer_state.train_batch_size or rows) // max(1, training_args.n_gpu)
    told = [f"{name} is {given}, and was {before}" for name, (given, before) in pairs.items() if given != before]
    if told:
        logger.warning("The arguments are not those of the checkpoint: %s", "; ".join(told))


def get_model_param_count(model: nn.Module, trainable_only: bool = False) -> int:
    """How many numbers a model's parameters hold; `trainable_only`: of those that are trained."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad or not trainable_only)


def get_module_class_from_name(module: nn.Module, name: str) -> type[nn.Module] | None:
    """The class of this name among those of a module and its parts; None where there is none."""
    return next((type(each) for each in module.modules() if type(each).__name__ == name), None)


def is_attention_mask_causal(attention_mask: Tensor | None) -> bool:
    """Whether the first mask of a batch (B, H, T, S) or (B, T, S) lets no place see a later one; one of (B, S) does not."""
    if attention_mask is None or attention_mask.dim() == 2:
        return True
    if attention_mask.dim() not in (3, 4):
        return False
    first = attention_mask.flatten(0, -3)[0]
    return not bool((torch.triu(first.float().nan_to_num(), diagonal=1) > 0).any())


def reissue_pt_warnings(caught_warnings: list[warnings.WarningMessage]) -> None:
    """Warn of several caught warnings again, but for torch's own of saved schedules, which are plain ones of users."""
    for each in caught_warnings if len(caught_warnings) > 1 else ():
        if each.category is not UserWarning:
            warnings.warn(each.message, each.category, stacklevel=2)


def remove_dummy_checkpoint(is_main_process: bool, output_dir: str, filenames: Iterable[str]) -> None:
    """Remove files that an engine wrote without weights in them, in the first process."""
    for name in filenames if is_main_process else ():
        (Path(output_dir) / name).unlink(missing_ok=True)


def safe_globals() -> AbstractContextManager[Any]:
    """A context in which `torch.load(weights_only=True)` reads arrays of NumPy, as states of random numbers hold."""
    kinds = {type(np.dtype(kind)) for kind in (np.uint32, np.uint64, np.int64, np.float32, np.float64)}
    core: Any = np._core if hasattr(np, "_core") else np.core
    return torch.serialization.safe_globals([core.multiarray._reconstruct, np.ndarray, np.dtype, *kinds])


def set_rng_state_for_device(device_name: str, device_module: Any, checkpoint_rng_state: Any, is_distributed: bool) -> None:
    """Give a kind of device the random numbers of a checkpoint, of all devices if `is_distributed`; a failure is told.

    Args:
        device_name: in large letters, as CUDA. device_module: torch's module for it.
    """
    try:
        state = checkpoint_rng_state[device_name.lower()]
        place = device_module.random
        (place.set_rng_state_all if is_distributed else place.set_rng_state)(state)
    except Exception as error:  # noqa: BLE001 (whatever a device's module raises)
        logger.info("The random numbers of %s are not those of the checkpoint: %s", device_name, error)


@contextmanager
def suppress_progress_bars() -> Iterator[None]:
    """Bars of downloads are not shown meanwhile."""
    from huggingface_hub import utils as of_hub

    utils: Any = of_hub
    shown = not utils.are_progress_bars_disabled()
    utils.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            utils.enable_progress_bars()


def unwrap_peft_model(model: Any) -> Any:
    """The model that adapters were put around, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") and hasattr(model, "peft_config") else model


def validate_quantization_for_training(model: Any) -> None:
    """Refuse to train weights that were rounded, unless adapters are trained or the rounding is.

    Raises:
        ArgumentError: the model is quantized, and has neither.
    """
    quantizer, adapted = getattr(model, "hf_quantizer", None), getattr(model, "_hf_peft_config_loaded", False)
    if getattr(model, "is_quantized", False) and not adapted and not getattr(quantizer, "is_qat_trainable", False):
        raise ArgumentError("the model's weights are quantized, and small steps are lost in them: add adapters and train those")


def str_to_bool(value: str, to_bool: bool = True) -> bool | int:
    """A word such as yes, on, false or 0 as True or False, or as 1 or 0.

    Raises:
        ArgumentError: it is none of these words.
    """
    word = value.lower()
    if word not in _WORDS:
        raise ArgumentError(f"{value!r:.60} is neither yes nor no; expected one of {', '.join(_WORDS)}")
    return _WORDS[word] if to_bool else int(_WORDS[word])


_WORDS = {
    **dict.fromkeys(["y", "yes", "t", "true", "on", "1"], True),
    **dict.fromkeys(["n", "no", "f", "false", "off", "0"], False),
}


def default_logdir() -> str:
    """A folder for logs, named after the time and this machine: runs/Jan31_12-00-00_HOST."""
    return os.path.join("runs", f"{datetime.now().astimezone():%b%d_%H-%M-%S}_{socket.gethostname()}")


class StreamingAverage:
    """The mean of the last `window_size` numbers."""

    def __init__(self, window_size: int) -> None:
        self.window_size = window_size
        self.values: list[float] = []

    def streamavg(self, x: float) -> float:
        """Take another number; returns the mean with it."""
        self.values = [*self.values, x][-self.window_size :]
        return sum(self.values) / len(self.values)

    def state_dict(self) -> dict[str, Any]:
        """The numbers, for a checkpoint."""
        return {"window_size": self.window_size, "values": list(self.values), "sum": float(sum(self.values))}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from those of a checkpoint."""
        self.window_size, self.values = state_dict["window_size"], list(state_dict["values"])
