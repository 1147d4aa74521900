"""Activation functions under the names that `hidden_act` and its relatives use in config files."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import ConfigError, did_you_mean
from ..kernels import elements

Activation = Callable[[Tensor], Tensor]


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh approximation (Hendrycks & Gimpel 2016, section 2)."""
    fast = elements.activated(x, None, elements.GELU_TANH)
    return F.gelu(x, approximate="tanh") if fast is None else fast


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), the cheaper GELU that CLIP was trained with."""
    return x * torch.sigmoid(1.702 * x)


def gelu_10(x: Tensor) -> Tensor:
    """GELU clipped to [-10, 10] (Wu et al. 2020, for quantization)."""
    return F.gelu(x).clamp(-10, 10)


def relu_squared(x: Tensor) -> Tensor:
    """ReLU squared (So et al. 2021, Primer)."""
    return F.relu(x).square()


def laplace(x: Tensor) -> Tensor:
    """The Laplace function of MEGA (Ma et al. 2022): an error function with mean 0.7071 and deviation 0.2821."""
    return 0.5 * (1 + torch.erf((x - 0.707107) / (0.282095 * math.sqrt(2))))


# Those that kernels of C have, by their numbers there.
KERNELS: dict[object, int] = {
    F.silu: elements.SILU,
    gelu_tanh: elements.GELU_TANH,
    F.gelu: elements.GELU,
    F.relu: elements.RELU,
}


def gated(function: Activation, gate: Tensor, up: Tensor) -> Tensor:
    """function(gate) * up, of equal shapes."""
    # In 16 bits torch's others are as fast; of one token torch is quicker to start.
    worth_it = (function is gelu_tanh or gate.dtype == torch.float32) and gate.dim() > 2 and gate.shape[1] > 1
    number = KERNELS.get(function) if worth_it and function.__hash__ is not None else None
    fast = None if number is None else elements.activated(gate, up, number)
    return function(gate) * up if fast is None else fast


def identity(x: Tensor) -> Tensor:
    """x, unchanged."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "gelu_new": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_accurate": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_python_tanh": gelu_tanh,
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "relu2": relu_squared,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "silu": F.silu,
    "swish": F.silu,
    "mish": F.mish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "laplace": laplace,
    "linear": identity,
}


def activation(name: str) -> Activation:
    """The activation called `name`; an unknown name is answered with the nearest one (ConfigError)."""
    if name not in ACTIVATIONS:
        raise ConfigError(f"unknown activation {name!r:.80}.{did_you_mean(name, ACTIVATIONS)} Known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
