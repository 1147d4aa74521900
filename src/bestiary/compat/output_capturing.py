"""`transformers.utils.output_capturing`: a model of one's own says which of its modules' outputs a call can give besides.

    class MyModel(PreTrainedModel):
        _can_record_outputs = {"hidden_states": MyLayer, "attentions": OutputRecorder(MyAttention, index=1)}

        @capture_outputs
        def forward(self, input_ids, **kwargs): ...

`model(ids, output_hidden_states=True)`, or a config that says so, then gives `hidden_states`: an `output_` flag for each key.
A value may also be a list of such, or a text with which the path of a module ends.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.outputs import ModelOutput
from ..modeling.base import PreTrainedModel
from .generic import merge_with_config_defaults

_Forward = Callable[..., Any]
# Keys that one flag asks for together with another.
_FLAGS = {"cross_attentions": "output_attentions", "mask_decoder_attentions": "output_attentions"}


@dataclass
class OutputRecorder:
    """Which modules to record, and what of their outputs.

    Attributes:
        target_class: their class; None where `class_name` alone says which.
        index: the place in an output that is a tuple; a place that holds None is passed over.
        layer_name: names that stand in the path of the module, one behind the other: "self_attn", "layer.0".
        class_name: what the path of a module may end with instead of being of `target_class`.
        capture_initial_hidden_state: whether hidden states begin with the first module's input.
        num_hidden_layers_key: what the config calls the number of layers, from which negative places are counted.
    """

    target_class: type[nn.Module] | None
    index: int = 0
    layer_name: str | None = None
    class_name: str | None = None
    capture_initial_hidden_state: bool = True
    num_hidden_layers_key: str = "num_hidden_layers"

    def matches(self, module: nn.Module, path: str) -> bool:
        """Whether to record `module`, which stands at `path`: names with a dot before each."""
        right_class = self.target_class is not None and isinstance(module, self.target_class)
        right_path = self.class_name is not None and path.endswith(self.class_name)
        within = self.layer_name is None or f".{self.layer_name.strip('.')}." in f"{path}."
        return (right_class or right_path) and within


@dataclass
class _Capture:
    """What one call collects. `selected`: the places of the hidden states to keep, None for all."""

    records: dict[str, list[Tensor | None]] = field(default_factory=dict)
    selected: set[int] | None = None

    def keep(self, recorder: OutputRecorder, key: str, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """A forward hook, which is silent while another capture runs within this one, or on another thread."""
        if _CURRENT.get() is not self:
            return
        value = output[recorder.index] if isinstance(output, tuple) else output
        if key == "hidden_states" and recorder.capture_initial_hidden_state and not self.records[key]:
            self._add(key, next(iter((*args, *kwargs.values()))))
        if value is not None:
            self._add(key, value)

    def _add(self, key: str, value: Tensor) -> None:
        records = self.records[key]
        left_out = key == "hidden_states" and self.selected is not None and len(records) not in self.selected
        records.append(None if left_out else value)


_CURRENT: ContextVar[_Capture | None] = ContextVar("capture", default=None)


def capture_outputs(func: _Forward | None = None, *, tie_last_hidden_states: bool = True) -> Any:
    """A decorator of a model's `forward`, with or without arguments, that adds what `_can_record_outputs` names.

    `output_hidden_states` may also be the place of one hidden state, or a list of places: None stands for the others.

    Args:
        tie_last_hidden_states: the last of the hidden states is `last_hidden_state`, whatever the last layer gave; a config
            that has `tie_last_hidden_states` decides instead.

    Raises:
        InputError: a negative place, and the config does not say how many layers there are.
    """
    if func is None:
        return partial(capture_outputs, tie_last_hidden_states=tie_last_hidden_states)
    forward: _Forward = func.__dict__.get("merging", func)  # `check_model_inputs` leaves it to this

    @wraps(forward)
    def run(self: PreTrainedModel, *args: Any, **kwargs: Any) -> Any:
        plain = kwargs.pop("return_dict", self.config.return_dict) is False
        capture = _requested(self, kwargs)
        if torch.compiler.is_compiling() and not capture.records:
            output = forward(self, *args, **kwargs)
        else:
            output = _captured(self, capture, partial(forward, self, *args, **kwargs))
        states = capture.records.get("hidden_states")
        tie_last = getattr(self.config, "tie_last_hidden_states", None)  # a config of any model
        if states and states[-1] is not None and (tie_last_hidden_states if tie_last is None else tie_last):
            finals = [name for name in ("vision_hidden_states", "last_hidden_state") if name in output.__dataclass_fields__]
            states[-1:] = [vars(output)[name] for name in finals[:1]] or states[-1:]
        further = {key: tuple(values) for key, values in capture.records.items()}
        if plain and isinstance(output, ModelOutput):
            return tuple({**dict(output.items()), **further}.values())
        for key, values in further.items():
            output[key] = values
        return output

    run.__dict__["captures"] = True
    return run


def check_model_inputs(func: _Forward | None = None, *, tie_last_hidden_states: bool = True) -> Any:
    """`merge_with_config_defaults`, which also captures, as in the releases that had no `capture_outputs`.

    It captures for a model that has `_can_record_outputs`, unless `capture_outputs` stands beside it.
    """
    if func is None:
        return partial(check_model_inputs, tie_last_hidden_states=tie_last_hidden_states)
    merging = merge_with_config_defaults(func)
    if "captures" in func.__dict__:
        return merging
    capturing = merge_with_config_defaults(capture_outputs(func, tie_last_hidden_states=tie_last_hidden_states))

    @wraps(func)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        captures = isinstance(self, PreTrainedModel) and self._can_record_outputs is not None
        return (capturing if captures else merging)(self, *args, **kwargs)

    run.__dict__["merging"] = merging
    return run


def _requested(model: PreTrainedModel, kwargs: dict[str, Any]) -> _Capture:
    """What the arguments of a call ask for, or else the config."""
    flags = {}
    for key in model._can_record_outputs or {}:
        name = _FLAGS.get(key, f"output_{key}")
        flags[key] = kwargs.get(name, getattr(model.config, name, False))  # a config of any model
    capture = _Capture({key: [] for key, flag in flags.items() if flag})
    places = flags.get("hidden_states")
    if places and not isinstance(places, bool):
        capture.selected = _selected(model, [places] if isinstance(places, int) else list(places))
    return capture


def _selected(model: PreTrainedModel, places: list[int]) -> set[int]:
    """`places` of hidden states, counted from the first; those outside are left out."""
    recorder = next(recorder for key, recorder in _recorders(model) if key == "hidden_states")
    layers = getattr(model.config, recorder.num_hidden_layers_key, None)  # a config of any model
    if layers is None and min(places) < 0:
        raise InputError(
            f"output_hidden_states={places} counts from the last layer, and the config of {type(model).__name__} has no"
            f" {recorder.num_hidden_layers_key}; count from the first"
        )
    count = max(places) + 1 if layers is None else layers + recorder.capture_initial_hidden_state
    return {place % count for place in places if -count <= place < count}


def _recorders(model: PreTrainedModel) -> list[tuple[str, OutputRecorder]]:
    """Pairs of key and recorder that a class declares."""
    pairs = []
    for key, declared in (model._can_record_outputs or {}).items():
        for each in declared if isinstance(declared, list) else [declared]:
            place = 0 if "hidden_states" in key else 1
            by_path, kind = (each, None) if isinstance(each, str) else (None, each)
            known = isinstance(each, OutputRecorder)
            pairs.append((key, each if known else OutputRecorder(kind, index=place, class_name=by_path)))
    return pairs


def _recorded(
    module: nn.Module, path: str, recorders: list[tuple[str, OutputRecorder]]
) -> Iterator[tuple[nn.Module, str, OutputRecorder]]:
    """The modules to record, with key and recorder. A model inside of the model declares its own."""
    if isinstance(module, PreTrainedModel):
        recorders = _recorders(module)
    for name, child in module.named_children():
        yield from _recorded(child, f"{path}.{name}", recorders)
    for key, recorder in recorders:
        if recorder.matches(module, path):
            yield module, key, recorder


def _captured(model: PreTrainedModel, capture: _Capture, run: Callable[[], Any]) -> Any:
    """What `run` gives, while `capture` collects; the hooks are gone afterwards, whatever happens."""
    with ExitStack() as stack:
        for module, key, recorder in _recorded(model, "", []) if capture.records else ():
            if key in capture.records:
                handle = module.register_forward_hook(partial(capture.keep, recorder, key), with_kwargs=True)
                stack.callback(handle.remove)
        stack.callback(_CURRENT.reset, _CURRENT.set(capture))
        return run()
