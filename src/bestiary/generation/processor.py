"""What changes the scores of the next token. Each processor has a file in `processors/` and can be used alone.

A file that is built by settings has a function `build(context)`, called where something asks for the processor, which makes
it, or returns None where there is nothing to do; and these constants, which are read without importing it:

    PLACE: processors run in the order of this number; from `SAMPLING` to `LAST` they only run when tokens are drawn, after the
        caller's own
    OPTIONS: the options that it declares (see `options`)
    ASKED_BY: options, or arguments of the call, of which each asks for it; by default its OPTIONS

A file without them is for models that add its processors themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from inspect import signature
from typing import Any, dataclass_transform, get_origin

import numpy as np
import torch
from torch import Tensor

from ..core import kinds, plugins
from ..core.errors import ArgumentError, InputError, PluginError
from ..core.logging import warn_once
from .config import GenerationConfig, default_of
from .model import GeneratingModel
from .options import check_declared, declared, options

TokenIds = int | list[int] | Tensor
SAMPLING = 500
_FOLDER = f"{__package__}.processors"
_OURS = __package__.removesuffix("generation")
LAST = 900


class LogitsProcessor(ABC):
    """Maps the scores (B, V) of the next token to new scores (B, V), given the tokens so far (B, T). Changes neither."""

    @abstractmethod
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor: ...

    def reorder(self, parents: Tensor) -> None:  # noqa: B027 (most keep nothing)
        """Row i becomes the former row `parents[i]` (B,); for processors that keep something for each row between steps."""


@dataclass_transform(eq_default=False)
class DeclaredProcessor(LogitsProcessor):
    """A processor whose arguments are declared as the fields of a dataclass, which it becomes by itself.

    Raises:
        ConfigError: an argument is outside of the range, or of another kind (`core/kinds.py`), than its field declares.
    """

    def __init_subclass__(cls) -> None:
        dataclass(eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Tensor | np.ndarray | np.generic) and value.ndim == 0:  # as good as Python's numbers
                setattr(self, field.name, value.item())
            if get_origin(field.type) is not None:  # more than a class
                kinds.check(type(self).__name__, field.name, getattr(self, field.name), field.type)


# The older name of the base of processors that only run when tokens are drawn.
LogitsWarper = LogitsProcessor


class LogitsProcessorList(list[Any]):
    """Processors applied one after the other; itself one. Those that take more than ids and scores get what came by name.

    Raises:
        InputError: one returns something else than a tensor of scores of the same vocabulary.
    """

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        vocabulary = scores.shape[-1:]
        for processor in self:
            scores = processor(input_ids, scores, **(kwargs if kwargs and len(signature(processor).parameters) > 2 else {}))
            if not isinstance(scores, Tensor) or scores.shape[-1:] != vocabulary:
                content = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
                raise InputError(f"{type(processor)} returned {content}; expected scores of {vocabulary[0]} tokens")
        return scores

    def reorder(self, parents: Tensor) -> None:
        """Row i becomes the former row `parents[i]` (B,)."""
        for processor in self:
            if isinstance(processor, LogitsProcessor):
                processor.reorder(parents)


class CheckedProcessor(LogitsProcessor):
    """A processor of the caller's. It gets copies, which it may change; its answers are looked at, as others would go wrong
    with them in silence.

    Raises:
        ArgumentError: it cannot be called. InputError: it returns something else than scores of the same shape.
    """

    def __init__(self, processor: Any) -> None:
        if not callable(processor) or isinstance(processor, type):
            raise ArgumentError(f"logits_processor holds {processor!r:.80}; expected functions of (input_ids, scores)")
        self.processor = processor

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        result = self.processor(input_ids.clone(), scores.clone())
        if isinstance(result, Tensor) and result.shape == scores.shape and result.is_floating_point():
            return result
        name = getattr(self.processor, "__name__", type(self.processor).__name__)  # functions have one, objects a class
        content = (
            f"{result.dtype} of shape {tuple(result.shape)}" if isinstance(result, Tensor) else f"a {type(result).__name__}"
        )
        raise InputError(f"the logits processor {name} returned {content}; expected scores of shape {tuple(scores.shape)}")

    def reorder(self, parents: Tensor) -> None:
        if isinstance(self.processor, LogitsProcessor):
            self.processor.reorder(parents)


@dataclass
class Context:
    """What a processor may need to know of the call it is built for.

    prompt_length: tokens before the first new one; max_length: with the prompt; eos: ids of the end token, on `device`;
    encoder_input_ids (B, S): the encoder's tokens, or the prompt of a decoder alone, -1 in place of padding; None when the
    input is no text;
    leading_padding (B,): tokens of padding at the start of each row, None where there are none.
    """

    config: GenerationConfig
    prompt_length: int
    max_length: int
    device: torch.device
    model: GeneratingModel
    eos: Tensor | None = None
    encoder_input_ids: Tensor | None = None
    leading_padding: Tensor | None = None
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None
    negative_prompt_ids: Tensor | None = None
    negative_prompt_attention_mask: Tensor | None = None

    @property
    def least(self) -> int:
        """Tokens that a truncation must leave: with beams, one more than may end all of them."""
        if self.config.effective("num_beams") == 1:
            return 1
        return max(2, 1 + (0 if self.eos is None else len(self.eos)))


@dataclass(frozen=True)
class Builder:
    """A file that settings can ask for. options: those it declares; asked_by: options and arguments of which each asks."""

    name: str
    place: int
    options: tuple[str, ...]
    asked_by: tuple[str, ...]

    def is_asked(self, context: Context) -> bool:
        """Whether something said in the call asks for this processor."""
        arguments = vars(context)
        return any(
            options()[name].asks(context.config.effective(name)) if name in options() else arguments[name] is not None
            for name in self.asked_by
        )

    def build(self, context: Context) -> Any:
        """The processor, or None where the settings leave nothing to do."""
        processor = plugins.definition(_FOLDER, self.name, "score processor", "build")(context)
        if processor is not None and not callable(processor):
            raise PluginError(f"{_FOLDER}.{self.name}: build returned {processor!r:.80}; expected a LogitsProcessor or None")
        return processor


@cache
def builders() -> tuple[Builder, ...]:
    """The files that settings can ask for, in the order of their places.

    Raises:
        PluginError: a file with a place that nothing asks for or that another has, with options but no place, or that is
            asked for by what is no option.
    """
    places = plugins.literals(_FOLDER, "PLACE", int)
    check_declared(_FOLDER, "ASKED_BY", Context.__dataclass_fields__)
    own_options = {name: tuple(table) for name, table in declared(_FOLDER).items()}
    asked_by = {**own_options, **plugins.literals(_FOLDER, "ASKED_BY", plugins.Names)}
    for name in sorted(places.keys() ^ asked_by.keys()):
        raise PluginError(f"{_FOLDER}.{name}: PLACE and OPTIONS (or ASKED_BY) go together; one of them is missing")
    in_order = plugins.in_order(_FOLDER)
    return tuple(Builder(name, places[name], own_options.get(name, ()), asked_by[name]) for name in in_order)


def processors_for(context: Context, custom: list[Any] | None = None) -> LogitsProcessorList:
    """The processors that the settings of a call ask for, in order, with the caller's own before those for sampling.

    Raises:
        ArgumentError: the caller passed a processor and, in the call, also the setting that makes one of its kind.
    """
    custom = custom or []
    theirs = [
        processor if type(processor).__module__.startswith(_OURS) else CheckedProcessor(processor) for processor in custom
    ]
    before, after = LogitsProcessorList(), LogitsProcessorList()
    for builder in builders():
        if not builder.is_asked(context) or (SAMPLING <= builder.place < LAST and not context.config.do_sample):
            continue
        processor = builder.build(context)
        if processor is None:
            _point_out(builder, context.config)
        elif not _replaced(processor, builder, custom, context.config):
            (before if builder.place < SAMPLING else after).append(processor)
    return LogitsProcessorList([*before, *theirs, *after])


def listed(name: str, values: Any) -> list[Any]:
    """The caller's `values` as a list of its own.

    Raises:
        ArgumentError: it is no list.
    """
    if not isinstance(values, list | tuple | None):
        raise ArgumentError(f"{name} is {values!r:.80}; expected a list: {name}=[...]")
    return list(values or ())


def _point_out(builder: Builder, config: GenerationConfig) -> None:
    """Warn of options that a caller typed and that leave this call as it is."""
    for option in builder.options:
        value = config.get(option)
        if value and value != default_of(option) and config.origin(option) in ("call", "config"):
            warn_once(f"useless-{option}", f"{option}={value} has no effect in this call")


def _replaced(processor: Any, builder: Builder, custom: list[Any], config: GenerationConfig) -> bool:
    if not any(type(processor) is type(theirs) for theirs in custom):
        return False
    kind = type(processor).__name__
    for option in builder.options:
        if config.origin(option) in ("call", "config"):
            raise ArgumentError(f"logits_processor holds a {kind}, and {option} asks for another; pass only one")
    return True


def ban(scores: Tensor, tokens: Tensor, where: Tensor) -> Tensor:
    """`scores` (B, V) with -inf at `tokens` (B, N) in the places where `where` (B, N) is True."""
    rows, vocabulary = scores.shape
    # One column more takes the tokens that are not banned, so that nothing has to be counted on the host.
    banned = torch.zeros(rows, vocabulary + 1, dtype=torch.bool, device=scores.device)
    banned.scatter_(1, torch.where(where, tokens, vocabulary), True)
    return scores.masked_fill(banned[:, :vocabulary], -torch.inf)


def without(scores: Tensor, tokens: TokenIds) -> Tensor:
    """`scores` (B, V) with -inf for `tokens`."""
    return scores.index_fill(1, token_ids(tokens, scores.device), -torch.inf)


def only(scores: Tensor, tokens: TokenIds) -> Tensor:
    """Scores (B, V) of 0 for `tokens` and -inf for all others."""
    return torch.full_like(scores, -torch.inf).index_fill(1, token_ids(tokens, scores.device), 0)


def token_ids(ids: TokenIds, device: Any = None) -> Tensor:
    """`ids` as a 1-dimensional tensor on `device`."""
    if isinstance(ids, int):
        ids = [ids]
    return torch.as_tensor(ids, dtype=torch.int64, device=device).reshape(-1)
