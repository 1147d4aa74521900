"""Activations as modules (`transformers.activations`): `ACT2FN["gelu"]` is one, made anew each time it is asked for."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import did_you_mean
from ..nn import activations


def _module(name: str, function: Callable[[Tensor], Tensor]) -> type[nn.Module]:
    """A class of modules without parameters whose forward is `function`."""
    content = {"forward": lambda self, input: function(input), "__doc__": function.__doc__, "__module__": __name__}
    return type(name, (nn.Module,), content)


GELUActivation = nn.GELU
NewGELUActivation = _module("NewGELUActivation", activations.gelu_tanh)
FastGELUActivation = _module("FastGELUActivation", activations.gelu_tanh)
AccurateGELUActivation = _module("AccurateGELUActivation", activations.gelu_tanh)
GELUTanh = PytorchGELUTanh = _module("GELUTanh", activations.gelu_tanh)
QuickGELUActivation = _module("QuickGELUActivation", activations.quick_gelu)
LaplaceActivation = _module("LaplaceActivation", activations.laplace)
LinearActivation = _module("LinearActivation", activations.identity)
MishActivation = _module("MishActivation", F.mish)
ReLUSquaredActivation = _module("ReLUSquaredActivation", activations.relu_squared)
SiLUActivation = _module("SiLUActivation", F.silu)


class ClippedGELUActivation(nn.Module):
    """GELU clipped to [min, max] (Wu et al. 2020, for quantization).

    Raises:
        ValueError: `min` above `max`.
    """

    def __init__(self, min: float, max: float) -> None:
        super().__init__()
        if min > max:
            raise ValueError(f"min is {min}, above max, which is {max}")
        self.min, self.max = min, max

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, element by element."""
        return F.gelu(x).clamp(self.min, self.max)


class SqrtSoftplusActivation(nn.Module):
    """The root of softplus, log(1 + e^x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape, element by element."""
        return F.softplus(input).sqrt()


class XIELUActivation(nn.Module):
    """xIELU (Huang and Schlag 2024): a parabola above 0 and an integrated ELU below, each with a trained curvature.

    Args:
        alpha_p_init, alpha_n_init: the curvatures at the beginning; the lower one stays above `beta`, the slope at 0.
        eps: below 0; nearer to it the exponential is not taken.
    """

    beta: Tensor
    eps: Tensor

    def __init__(
        self,
        alpha_p_init: float = 0.8,
        alpha_n_init: float = 0.8,
        beta: float = 0.5,
        eps: float = -1e-6,
        dtype: torch.dtype = torch.bfloat16,
        with_vector_loads: bool = False,
    ) -> None:
        super().__init__()
        # Stored as what softplus turns into the curvature; `with_vector_loads` is of a kernel that is not used.
        curvatures = torch.tensor([[alpha_p_init], [alpha_n_init - beta]], dtype=dtype).expm1().log()
        self.alpha_p, self.alpha_n = (nn.Parameter(curvature.clone()) for curvature in curvatures)
        self.register_buffer("beta", torch.tensor(beta, dtype=dtype))
        self.register_buffer("eps", torch.tensor(eps, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Any shape, element by element."""
        above = F.softplus(self.alpha_p) * input * input
        below = (torch.expm1(torch.minimum(input, self.eps)) - input) * (self.beta + F.softplus(self.alpha_n))
        return torch.where(input > 0, above, below) + self.beta * input


class ClassInstantier(OrderedDict[str, Any]):
    """Name -> a new module of that activation; stored is its class, or a pair of it and the keywords of its constructor."""

    def __getitem__(self, key: str) -> nn.Module:
        entry = super().__getitem__(key)
        kind, keywords = entry if isinstance(entry, tuple) else (entry, {})
        module: nn.Module = kind(**keywords)
        return module


ACT2CLS: dict[str, Any] = {
    "gelu": GELUActivation,
    "gelu_10": (ClippedGELUActivation, {"min": -10, "max": 10}),
    "gelu_fast": FastGELUActivation,
    "gelu_new": NewGELUActivation,
    "gelu_python": GELUActivation,
    "gelu_pytorch_tanh": GELUTanh,
    "gelu_python_tanh": GELUTanh,
    "gelu_accurate": AccurateGELUActivation,
    "hardswish": nn.Hardswish,
    "laplace": LaplaceActivation,
    "leaky_relu": nn.LeakyReLU,
    "linear": LinearActivation,
    "mish": MishActivation,
    "prelu": nn.PReLU,
    "quick_gelu": QuickGELUActivation,
    "relu": nn.ReLU,
    "relu2": ReLUSquaredActivation,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "silu": SiLUActivation,
    "sqrtsoftplus": SqrtSoftplusActivation,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "xielu": XIELUActivation,
}
ACT2FN = ClassInstantier(ACT2CLS)


def get_activation(activation_string: str) -> nn.Module:
    """A new module of the activation of this name.

    Raises:
        KeyError: there is none; the nearest name is given.
    """
    if activation_string not in ACT2FN:
        near = did_you_mean(activation_string, ACT2FN)
        raise KeyError(f"unknown activation {activation_string!r:.80}.{near} Known: {', '.join(ACT2FN)}")
    return ACT2FN[activation_string]


gelu, silu, mish, linear_act = F.gelu, F.silu, F.mish, activations.identity
gelu_new, gelu_fast, quick_gelu = activations.gelu_tanh, activations.gelu_tanh, activations.quick_gelu


def gelu_python(x: Tensor) -> Tensor:
    """GELU by the error function, without approximation."""
    return F.gelu(x)
