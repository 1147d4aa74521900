"""How weights start, as data: a rule for each kind of module, and rules of their own for the parameters that a module names."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .conv import Conv1D
from .moe import ExpertLoop, GroupedRouter
from .norm import RMSNorm

Start = Callable[[Tensor], object]


def normal(deviation: float) -> Start:
    """Numbers around 0 with this standard deviation."""
    return lambda weight: weight.normal_(0.0, deviation)


def truncated_normal(deviation: float, bound: float) -> Start:
    """Numbers around 0 with this standard deviation, none of them further away than `bound`."""
    if not deviation:
        return constant(0.0)
    return lambda weight: nn.init.trunc_normal_(weight, 0.0, deviation, -bound, bound)


def uniform(bound: float) -> Start:
    """Numbers from -`bound` to `bound`."""
    return lambda weight: weight.uniform_(-bound, bound)


def constant(value: float) -> Start:
    """The same number everywhere."""
    return lambda weight: weight.fill_(value)


def spread_evenly(module: nn.Module, gain: float = 1.0) -> dict[str, Start]:
    """Rules by which all matrices and filters in `module` start uniform, as wide as in Glorot and Bengio 2010."""
    weights = [name for name, weight in module.named_parameters() if weight.dim() > 1]
    return dict.fromkeys(weights, lambda weight: nn.init.xavier_uniform_(weight, gain=gain))


class Starting(nn.Module):
    """A module that says how parameters in it start, where that is not usual.

    Attributes:
        starts: path of a parameter or buffer below this module -> its rule. Of two that name one, the outer module's counts.
    """

    starts: Mapping[str, Start] = {}


_DENSE = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.Embedding | Conv1D
_NORMS = nn.LayerNorm | nn.GroupNorm | nn.BatchNorm1d | nn.BatchNorm2d


@torch.no_grad()
def start_usually(module: nn.Module, deviation: float) -> None:
    """Starting values of one module's own parameters: of dense ones normal, of norms 1, of biases and padding 0."""
    if isinstance(module, _DENSE):
        module.weight.normal_(0.0, deviation)
        if isinstance(module, nn.Embedding):
            if module.padding_idx is not None:
                module.weight[module.padding_idx].zero_()
        elif module.bias is not None:
            module.bias.zero_()
        if isinstance(module, GroupedRouter):
            module.get_buffer("e_score_correction_bias").zero_()
    elif isinstance(module, ExpertLoop):
        for weight in module.parameters(recurse=False):
            weight.normal_(0.0, deviation)
    elif isinstance(module, RMSNorm):
        module.weight.fill_(module.start)
    elif isinstance(module, _NORMS) and module.weight is not None:
        module.weight.fill_(1.0)
        if module.bias is not None:
            module.bias.zero_()
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.reset_running_stats()


@torch.no_grad()
def start_as_told(model: nn.Module, only: set[str] | None = None, besides: tuple[str, ...] = ()) -> None:
    """Apply the rules that modules of `model` have for their parameters, or for those called `only`, not below `besides`."""
    for path, module in reversed(list(model.named_modules())):
        for name, rule in module.starts.items() if isinstance(module, Starting) else ():
            full = f"{path}.{name}" if path else name
            if (only is None or full in only) and not full.startswith(besides):
                owner, _, leaf = name.rpartition(".")
                home = module.get_submodule(owner)
                rule({**home._parameters, **home._buffers}[leaf])


@torch.no_grad()
def start_batch_norm(norm: Any, config: Any) -> None:
    """Starting values of a batch norm, its weights around 0, as some families publish them; for `kind_starts`."""
    norm.weight.normal_(0.0, config.initializer_range)
    norm.bias.zero_()
    norm.reset_running_stats()
