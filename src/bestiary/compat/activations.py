"""Activations as modules (`transformers.activations`): `ACT2FN["gelu"]` is one, made anew each time it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

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


class Activations(Mapping[str, nn.Module]):
    """Name -> a new module of that activation.

    Args:
        classes: name -> class, or a pair of it and the keywords of its constructor.
    """

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes

    def __getitem__(self, name: str) -> nn.Module:
        entry = self._classes[name]
        kind, keywords = entry if isinstance(entry, tuple) else (entry, {})
        module: nn.Module = kind(**keywords)
        return module

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __setitem__(self, name: str, kind: Any) -> None:
        """Let `name` make modules of the class `kind`."""
        self._classes[name] = kind


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
}
ACT2FN = Activations(ACT2CLS)


def get_activation(activation_string: str) -> nn.Module:
    """A new module of the activation of this name.

    Raises:
        KeyError: there is none; the nearest name is given.
    """
    if activation_string not in ACT2FN:
        near = did_you_mean(activation_string, ACT2FN)
        raise KeyError(f"unknown activation {activation_string!r:.80}.{near} Known: {', '.join(ACT2FN)}")
    return ACT2FN[activation_string]


gelu, silu, mish = F.gelu, F.silu, F.mish
gelu_new, gelu_fast, quick_gelu = activations.gelu_tanh, activations.gelu_tanh, activations.quick_gelu
