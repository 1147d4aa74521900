"""What the forward of a model with a head shows: the backbone's parameters, in the published order, and the head's own."""

import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any

from torch import nn

from ..core.signatures import showing, undecorated

Parameters = dict[str, Parameter]

# What a head compares with comes after the last of the inputs, and before what only says how to run.
TARGETS = ("labels", "start_positions", "end_positions", "next_sentence_label", "mc_token_ids", "mc_labels")
LAST_INPUTS = (
    "inputs_embeds",
    "decoder_inputs_embeds",
    "encoder_hidden_states",
    "encoder_attention_mask",
    "decoder_position_ids",
)


def shown_forward(model_class: type[nn.Module], backbone_class: type[nn.Module] | None) -> Callable[..., Any] | None:
    """The forward of `model_class`, showing what it hands on to those above it and to its backbone; None if nothing.

    Args:
        backbone_class: the class of the backbone; None for a model without one, or a head that has none yet.
    """
    classes = [each for kind in (model_class, backbone_class) if kind for each in kind.__mro__ if each is not nn.Module]
    forwards = list(dict.fromkeys(undecorated(vars(each)["forward"]) for each in classes if "forward" in vars(each)))
    last = next((place for place, each in enumerate(forwards) if not _hands_on(each)), len(forwards) - 1)
    if last < 1:
        return None
    parameters = _parameters(forwards[last])
    for forward in reversed(forwards[:last]):
        parameters = _joined(_parameters(forward), parameters)
    return showing(forwards[0], _by_kind(forwards[0], parameters))


def places(forward: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what `forward` shows, in order; none where it takes any number of arguments by place."""
    parameters = _parameters(forward)
    if any(each.kind in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY) for each in parameters.values()):
        return ()
    return tuple(name for name, each in parameters.items() if each.kind is not Parameter.VAR_KEYWORD)


def _parameters(forward: Callable[..., Any]) -> Parameters:
    return dict(list(inspect.signature(forward).parameters.items())[1:])  # without the model, whatever it is called


def _hands_on(forward: Callable[..., Any]) -> bool:
    return any(each.kind is Parameter.VAR_KEYWORD for each in _parameters(forward).values())


def _joined(head: Parameters, backbone: Parameters) -> Parameters:
    """The parameters of both, in the published order: that of the backbone, with the head's own put between them."""
    order = list(backbone)
    targets_at = max((order.index(name) + 1 for name in LAST_INPUTS if name in backbone), default=len(order))
    previous = ""
    for name, parameter in head.items():
        if name in backbone or parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            pass
        elif parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
            order.insert(order.index(previous) + 1 if previous else 0, name)
        elif name in TARGETS:
            order.insert(targets_at, name)
            targets_at += 1
        else:
            order.append(name)
        previous = name
    both = {**backbone, **head}
    return {name: both[name] for name in order}


def _by_kind(forward: Callable[..., Any], parameters: Parameters) -> Sequence[Parameter]:
    """`parameters`, each marked as what `forward` itself takes: those at the same place there may come by place."""
    own = [name for name, each in _parameters(forward).items() if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    same = next((i for i, (a, b) in enumerate(zip(own, parameters, strict=False)) if a != b), min(len(own), len(parameters)))
    kinds = [Parameter.POSITIONAL_OR_KEYWORD if i < same else Parameter.KEYWORD_ONLY for i in range(len(parameters))]
    return [each.replace(kind=kind) for each, kind in zip(parameters.values(), kinds, strict=True)]
