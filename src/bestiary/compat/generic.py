"""Small tools that models and libraries of others import from `transformers.utils.generic`."""

import inspect
import json
import types
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypedDict, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.explicit_enum import ExplicitEnum as ExplicitEnum
from ..core.logging import warn_once
from ..core.outputs import ModelOutput
from ..preprocess.batch import TensorType as TensorType
from .helpers import is_jit_tracing

_Function = TypeVar("_Function", bound=Callable[..., Any])


class TransformersKwargs(TypedDict, total=False):
    """Keywords that forwards of models pass on."""

    num_items_in_batch: Tensor | None
    output_hidden_states: bool | None
    output_attentions: bool | None
    output_router_logits: bool | None
    cu_seq_lens_q: Tensor | None
    cu_seq_lens_k: Tensor | None
    max_length_q: int | None
    max_length_k: int | None


LossKwargs = FlashAttentionKwargs = TransformersKwargs


class ContextManagers:
    """Several context managers as one, entered in their order."""

    def __init__(self, context_managers: Iterable[AbstractContextManager[Any]]) -> None:
        self.context_managers = list(context_managers)
        self.stack = ExitStack()

    def __enter__(self) -> None:
        for manager in self.context_managers:
            self.stack.enter_context(manager)

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)


def can_return_tuple(func: _Function) -> _Function:
    """A decorator of a model's `forward`: with `return_dict=False`, or a config that says so, its output becomes a tuple."""

    @wraps(func)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        config = getattr(self, "config", None)  # any module
        wanted = kwargs.pop("return_dict", None)
        if wanted is None:
            wanted = getattr(config, "return_dict", True)
        output = func(self, *args, **kwargs)
        return output.to_tuple() if not wanted and isinstance(output, ModelOutput) else output

    return forward  # type: ignore[return-value]


def merge_with_config_defaults(func: _Function) -> _Function:
    """A decorator of a model's `forward`: what is None or left out of a few arguments is what the config says.

    These are `use_cache` (off while layers are recomputed in training), `vision_feature_layer`,
    `vision_feature_select_strategy` and `vision_aspect_ratio`.

    Raises:
        InputError: `vision_feature_select_strategy` is neither "default" nor "full".
    """
    parameters = inspect.signature(func).parameters
    places = list(parameters)[1:]  # without the model
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    names = ("use_cache", "vision_feature_layer", "vision_feature_select_strategy", "vision_aspect_ratio")
    taken = [name for name in names if takes_any or name in parameters]

    @wraps(func)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        by_place = dict(zip(places, args, strict=False))
        for name in taken:
            value = by_place.get(name, kwargs.get(name))
            value = getattr(self.config, name, None) if value is None else value  # a config of any model
            recomputing = self.training and getattr(self, "is_gradient_checkpointing", False)
            if name == "use_cache" and value and recomputing:
                warn_once("recomputed", "gradient checkpointing recomputes layers and fills no cache: use_cache is off")
                value = False
            if name == "vision_feature_select_strategy" and value not in (None, "default", "full"):
                raise InputError(f"vision_feature_select_strategy is {value!r:.80}; expected 'default' or 'full'")
            if name in by_place:
                by_place[name] = value
            elif value is not None:
                kwargs[name] = value
        return func(self, *by_place.values(), *args[len(by_place) :], **kwargs)

    return forward  # type: ignore[return-value]


def filter_out_non_signature_kwargs(extra: list[str] | None = None) -> Callable[[_Function], _Function]:
    """A decorator that leaves out keywords which the function does not take, with a warning; `extra` are passed on too."""

    def decorate(func: _Function) -> _Function:
        parameters = inspect.signature(func).parameters
        taken = {*parameters, *(extra or ())}

        @wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            if ignored := sorted(set(kwargs) - taken):
                name = func.__qualname__
                warn_once("ignored-keywords", f"{name} takes no {', '.join(ignored)}; it is left out", name + "".join(ignored))
            return func(*args, **{key: value for key, value in kwargs.items() if key in taken})

        return call  # type: ignore[return-value]

    return decorate


def copy_func(f: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of a function of Python, whose docstring and attributes can be changed alone."""
    source: Any = f
    copy = types.FunctionType(source.__code__, source.__globals__, source.__name__, source.__defaults__, source.__closure__)
    copy.__kwdefaults__ = source.__kwdefaults__
    return wraps(f)(copy)


def no_inherit_decorator(obj: Any) -> Any:
    """What is decorated, as it is."""
    return obj


def auto_docstring(obj: Any = None, **texts: Any) -> Any:
    """A decorator, with or without arguments, that leaves a docstring as its author wrote it."""
    return obj if obj is not None else no_inherit_decorator


def use_kernel_forward_from_hub(layer_name: str) -> Callable[[Any], Any]:
    """A decorator that leaves a layer as it is: kernels are never fetched from a hub."""
    return no_inherit_decorator


def use_kernel_func_from_hub(func_name: str) -> Callable[[Any], Any]:
    """The same for functions."""
    return no_inherit_decorator


def use_kernelized_func(module_names: Any) -> Callable[[Any], Any]:
    """The same for modules that call such functions."""
    return no_inherit_decorator


def can_return_loss(model_class: Any) -> bool:
    """Whether the `forward` of a class has a keyword `return_loss` that is on by default."""
    parameter = inspect.signature(model_class.forward).parameters.get("return_loss")
    return parameter is not None and parameter.default is True


def find_labels(model_class: Any) -> list[str]:
    """The parameters of `forward` that are labels, positions of answers too where the class answers questions."""
    names = inspect.signature(model_class.forward).parameters
    positions = ("start_positions", "end_positions") if "QuestionAnswering" in model_class.__name__ else ()
    return [name for name in names if ("label" in name and name != "shift_labels") or name in positions]


def flatten_dict(d: Mapping[str, Any], parent_key: str = "", delimiter: str = ".") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in d.items():
        key = f"{parent_key}{delimiter}{name}" if parent_key else str(name)
        flat.update(flatten_dict(value, key, delimiter) if value and isinstance(value, Mapping) else {key: value})
    return flat


def strtobool(val: str) -> int:
    """1 for y, yes, t, true, on, 1; 0 for n, no, f, false, off, 0.

    Raises:
        ValueError: another word.
    """
    word = val.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"{val!r:.80} is neither yes nor no; expected one of y, yes, t, true, on, 1, n, no, f, false, off, 0")


def safe_load_json_file(json_file: str) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it is no JSON in UTF-8.
    """
    try:
        return json.loads(Path(json_file).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise OSError(f"{json_file} is no JSON in UTF-8: {error}") from error


def is_torch_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of torch."""
    return isinstance(x, Tensor)


def is_numpy_array(x: Any) -> bool:
    """Whether `x` is an array of numpy."""
    return isinstance(x, np.ndarray)


def is_torch_dtype(x: Any) -> bool:
    """Whether `x` is a dtype of torch, or the name of one."""
    return isinstance(getattr(torch, x, None) if isinstance(x, str) else x, torch.dtype)


def to_numpy(obj: Any) -> Any:
    """Tensors and lists of numbers, also in dictionaries, as arrays."""
    if isinstance(obj, Mapping):
        return {name: to_numpy(value) for name, value in obj.items()}
    if isinstance(obj, Tensor):
        return obj.detach().cpu().numpy()
    return np.array(obj) if isinstance(obj, list | tuple) else obj


def transpose(array: Any, axes: Any = None) -> Any:
    """An array or tensor with its axes reversed, or in the order `axes`."""
    if isinstance(array, Tensor):
        return array.permute(*(axes or range(array.dim())[::-1]))
    return np.transpose(array, axes)


def reshape(array: Any, newshape: Any) -> Any:
    """An array or tensor in another shape."""
    return array.reshape(newshape)


def squeeze(array: Any, axis: int | None = None) -> Any:
    """An array or tensor without its axes of length 1, or without `axis`."""
    return array.squeeze() if axis is None else array.squeeze(axis)


def expand_dims(array: Any, axis: int) -> Any:
    """An array or tensor with another axis of length 1."""
    return array.unsqueeze(axis) if isinstance(array, Tensor) else np.expand_dims(array, axis)


def tensor_size(array: Any) -> int:
    """The number of elements of an array or tensor."""
    return int(array.numel()) if isinstance(array, Tensor) else int(np.size(array))


def torch_int(x: Any) -> Any:
    """`x` as a whole number; while torch traces a model, a tensor stays one."""
    return x.to(torch.int64) if is_jit_tracing() and isinstance(x, Tensor) else int(x)


def torch_float(x: Any) -> Any:
    """The same as a number with a fraction: a float, or a tensor of float32."""
    return x.to(torch.float32) if is_jit_tracing() and isinstance(x, Tensor) else float(x)


def set_attribute_for_modules(module: nn.Module, key: str, value: Any) -> None:
    """Set an attribute of a module and of all parts of it."""
    for part in module.modules():
        setattr(part, key, value)


def del_attribute_from_modules(module: nn.Module, key: str) -> None:
    """Undo `set_attribute_for_modules`; parts without the attribute are passed over."""
    for part in module.modules():
        if key in vars(part):
            delattr(part, key)


def maybe_autocast(
    device_type: str, dtype: torch.dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
) -> AbstractContextManager[Any]:
    """`torch.autocast` where it is wanted or on already, else nothing."""
    if not enabled and not torch.is_autocast_enabled(device_type):
        return nullcontext()
    return torch.autocast(device_type, dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


def is_flash_attention_requested(
    config: Any = None, requested_attention_implementation: str | None = None, version: int | list[int] | None = None
) -> bool:
    """Whether an attention implementation, or that of a config, is flash attention; of one of the `version`s, where given."""
    name = config._attn_implementation if config is not None else requested_attention_implementation
    versions = [2, 3, 4] if version is None else [version] if isinstance(version, int) else version
    return name in {f"flash_attention_{number}" for number in versions}


class GeneralInterface(ChainMap[str, Any]):
    """Name -> function: an object's own entries, in front of those that are registered for its class.

    A class derived from it that shall not share these defines `_global_mapping` anew.
    """

    _global_mapping: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__({}, self._global_mapping)

    @classmethod
    def register(cls, key: str, value: Callable[..., Any]) -> None:
        """Let every object of the class have `value` under `key`."""
        cls._global_mapping[key] = value

    def valid_keys(self) -> list[str]:
        """All names."""
        return list(self)
