"""Decoding steps that are compiled once: for all steps, all calls, and all lengths whose cache has the same size."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ..cache.layer_types import layer_types
from ..core.errors import ArgumentError, ConfigError
from .config import GenerationConfig
from .model import GeneratingModel
from .options import Option
from .prompt import Prompt

OPTIONS = {"compile_config": Option(Any), "disable_compile": Option(bool)}

# A cache that is made for a compiled call has a multiple of so many slots: calls of similar lengths share what was compiled.
SLOTS = 256


@dataclass
class CompileConfig:
    """How `generate` compiles the step of one token; the fields are the arguments of `torch.compile`.

    Given to `generate` as `compile_config`, with a cache of fixed size (`cache_implementation="static"`), it compiles on any
    device. Without it, steps are compiled on accelerators only, where the cache allows it and `disable_compile` is not set.

    >>> CompileConfig(dynamic=True).to_dict()["dynamic"]
    True
    """

    fullgraph: bool = False
    dynamic: bool | None = None
    backend: str | Callable[..., Any] = "inductor"
    mode: str | None = "reduce-overhead"
    options: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def of(cls, config: Any) -> "CompileConfig":
        """`config`, or one made of the dictionary `config`, as a file of settings holds it.

        Raises:
            ConfigError: it is neither, or has an unknown key.
        """
        if isinstance(config, cls):
            return config
        if not isinstance(config, dict) or not set(config) <= set(cls.__dataclass_fields__):
            raise ConfigError(
                f"compile_config is {config!r}; expected a CompileConfig with {', '.join(cls.__dataclass_fields__)}"
            )
        return cls(**config)


class CompiledSteps:
    """What was compiled for one model. A copy of the model starts afresh."""

    def __init__(self) -> None:
        self._steps: dict[str, Callable[..., Any]] = {}

    def __reduce__(self) -> Any:
        return CompiledSteps, ()

    def of(self, model: GeneratingModel, config: CompileConfig) -> Callable[..., Any]:
        """The compiled call of `model`."""
        compiled = self._steps.get(repr(config))
        if compiled is None:

            def step(**inputs: Any) -> Any:
                return model(**inputs)

            # What torch compiled, it keeps with the code, and not without limit: each model gets code of its own.
            step.__code__ = step.__code__.replace()
            # torch takes either a mode or options.
            chosen = {"options": config.options} if config.options else {"mode": config.mode}
            compiled = self._steps[repr(config)] = torch.compile(
                step, fullgraph=config.fullgraph, dynamic=config.dynamic, backend=config.backend, **chosen
            )
        return compiled


def is_wanted(settings: GenerationConfig, device: torch.device) -> bool:
    """Whether steps are to be compiled, if the cache allows it.

    Raises:
        ConfigError: the caller asks for it and forbids it.
    """
    forced = settings.compile_config is not None
    if forced and settings.disable_compile:
        if settings.origin("compile_config") == settings.origin("disable_compile"):
            raise ConfigError("compile_config and disable_compile=True exclude each other")
        return False
    return forced or (device.type not in ("cpu", "meta") and not settings.disable_compile)


def slots_for(settings: GenerationConfig, device: torch.device, length: int) -> int:
    """Slots for a call of at most `length` tokens: rounded up where its steps may be compiled."""
    return -(-length // SLOTS) * SLOTS if is_wanted(settings, device) else length


def step_of(model: GeneratingModel, prompt: Prompt) -> Callable[..., Any] | None:
    """The compiled step of one token, called like the model; None where steps are not compiled.

    Raises:
        ArgumentError: the caller passed `compile_config` and something that cannot be compiled.
    """
    settings, cache = prompt.settings, prompt.cache
    if not is_wanted(settings, model.device):
        return None
    fixed, recording = cache is not None and cache.is_compileable, any(prompt.recorded.values())
    if not fixed or recording:  # what is recorded is seen by hooks, which a compiled step does not have
        if settings.compile_config is not None and settings.origin("compile_config") in ("call", "config"):
            other = "output_attentions and output_hidden_states" if fixed else f"a {type(cache).__name__}"
            hint = "" if fixed else "; set cache_implementation='static'"
            if not fixed and layer_types(model.config).keeps_states:
                other, hint = f"{type(model).__name__}, whose layers keep a state that each step makes anew,", ""
            raise ArgumentError(f"compile_config and {other} exclude each other{hint}")
        return None
    steps = vars(model).setdefault("_compiled_steps", CompiledSteps())
    return _of_fixed_shape(steps.of(model, CompileConfig.of(settings.compile_config or {})), cache, prompt.names.mask)


def _of_fixed_shape(compiled: Callable[..., Any], cache: Any, mask: str) -> Callable[..., Any]:
    """Calls what was compiled with inputs whose shapes and strides are the same in every step."""
    # A cache all of whose layers have a window has no end; its masks are of the length the call was made for.
    slots = cache.get_max_length() or cache.options().get("max_cache_len", 0)

    def step(**inputs: Any) -> Any:
        for name, value in inputs.items():
            if not isinstance(value, Tensor):
                continue
            if name == mask and value.shape[1] < slots:
                value = torch.nn.functional.pad(value, (0, slots - value.shape[1]), value=1)
            inputs[name] = value.clone(memory_format=torch.contiguous_format)
        return compiled(**inputs)

    return step
