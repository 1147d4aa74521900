"""What a model of series predicts: a distribution of every future value, whose parameters are projections of a state."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import (
    AffineTransform,
    Distribution,
    Independent,
    NegativeBinomial,
    Normal,
    StudentT,
    TransformedDistribution,
)

from ..core.errors import ConfigError, InputError, did_you_mean
from .values import extremes, is_true


class AffineTransformed(TransformedDistribution):
    """The distribution of `loc + scale * x`, x being of `base_distribution`; with mean and variance, which torch's lacks."""

    def __init__(
        self,
        base_distribution: Distribution,
        loc: Tensor | float | None = None,
        scale: Tensor | float | None = None,
        event_dim: int = 0,
    ) -> None:
        self.loc: Any = 0.0 if loc is None else loc
        self.scale: Any = 1.0 if scale is None else scale
        super().__init__(base_distribution, [AffineTransform(self.loc, self.scale, event_dim)], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Of each value."""
        output: Tensor = self.base_dist.mean * self.scale + self.loc
        return output

    @property
    def variance(self) -> Tensor:
        """Of each value."""
        output: Tensor = self.base_dist.variance * self.scale**2
        return output

    @property
    def stddev(self) -> Tensor:
        """Of each value."""
        return self.variance.sqrt()


def squareplus(x: Tensor) -> Tensor:
    """A smooth map to numbers above 0: (x + sqrt(x^2 + 4)) / 2 (Barron 2021)."""
    return (x + (x.square() + 4.0).sqrt()) / 2.0


class ParameterProjection(nn.Module):
    """One linear layer for each parameter of a distribution; `domain_map` brings all to where they have a meaning."""

    def __init__(self, in_features: int, args_dim: dict[str, int], domain_map: Callable[..., tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.args_dim, self.domain_map = args_dim, domain_map
        self.proj = nn.ModuleList(nn.Linear(in_features, size) for size in args_dim.values())

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., D) -> each parameter (...) or, for C channels, (..., C)."""
        return self.domain_map(*(project(x) for project in self.proj))


class DistributionOutput:
    """A kind of distribution, of one number or, with `dim` > 1, of that many, independent of each other.

    Class attributes:
        distribution_class: torch's class. args_dim: name of a parameter -> numbers it takes for each of the `dim`.
    """

    distribution_class: ClassVar[type[Distribution]]
    args_dim: dict[str, int]

    def __init__(self, dim: int = 1) -> None:
        self.dim = dim
        self.args_dim = {name: dim * size for name, size in self.args_dim.items()}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one predicted value."""
        return () if self.dim == 1 else (self.dim,)

    @property
    def event_dim(self) -> int:
        """Its number of dimensions."""
        return len(self.event_shape)

    @property
    def value_in_support(self) -> float:
        """A value that has a probability; missing ones may be filled with it."""
        return 0.0

    def get_parameter_projection(self, in_features: int) -> ParameterProjection:
        """The layer that makes the parameters of states (..., in_features)."""
        return ParameterProjection(in_features, self.args_dim, self.domain_map)

    @classmethod
    def domain_map(cls, *parameters: Tensor) -> tuple[Tensor, ...]:
        """Parameters (..., dim) from any numbers; of a single number, (...)."""
        return tuple(parameter.squeeze(-1) for parameter in parameters)

    def distribution(
        self, distr_args: Sequence[Tensor], loc: Tensor | None = None, scale: Tensor | None = None
    ) -> Distribution:
        """The distribution with these parameters, of values that were shifted by `loc` and divided by `scale` before.

        Raises:
            InputError: a scale that is not above 0, or parameters that are no numbers, as very large inputs give.
        """
        if is_true(torch.stack([each.isnan().any() for each in distr_args]).any()):
            raise InputError("the parameters of the distribution hold NaN; inputs or weights are too large for their dtype")
        bounds = None if scale is None else extremes(scale)
        if bounds is not None and bounds[0] <= 0:
            raise InputError(f"scale holds {bounds[0]}; expected numbers above 0, what values were divided by")
        return self._scaled(distr_args, loc, scale)

    def _scaled(self, parameters: Sequence[Tensor], loc: Tensor | None, scale: Tensor | None) -> Distribution:
        base = self._unscaled(parameters)
        return base if loc is None and scale is None else AffineTransformed(base, loc, scale, self.event_dim)

    def _unscaled(self, parameters: Sequence[Tensor]) -> Distribution:
        values: dict[str, Any] = dict(zip(self.args_dim, parameters, strict=True))
        base = self.distribution_class(**values, validate_args=False)
        return base if self.dim == 1 else Independent(base, 1, validate_args=False)


class NormalOutput(DistributionOutput):
    """A normal distribution."""

    distribution_class = Normal
    args_dim = {"loc": 1, "scale": 1}

    @classmethod
    def domain_map(cls, loc: Tensor, scale: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return super().domain_map(loc, squareplus(scale).clamp_min(torch.finfo(scale.dtype).eps))


class StudentTOutput(DistributionOutput):
    """Student's t, which expects outliers; above two degrees of freedom it has a variance."""

    distribution_class = StudentT
    args_dim = {"df": 1, "loc": 1, "scale": 1}

    @classmethod
    def domain_map(cls, df: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return super().domain_map(2.0 + squareplus(df), loc, squareplus(scale).clamp_min(torch.finfo(scale.dtype).eps))


class NegativeBinomialOutput(DistributionOutput):
    """A negative binomial distribution, of counts."""

    distribution_class = NegativeBinomial
    args_dim = {"total_count": 1, "logits": 1}

    @classmethod
    def domain_map(cls, total_count: Tensor, logits: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return super().domain_map(squareplus(total_count), logits)

    def _scaled(self, parameters: Sequence[Tensor], loc: Tensor | None, scale: Tensor | None) -> Distribution:
        """Counts stay counts: the mean grows by the scale. As published, `parameters` hold the scaled logits from then on."""
        if scale is not None:
            parameters[1].add_(scale.log())
        return self._unscaled(parameters)


OUTPUTS = {"student_t": StudentTOutput, "normal": NormalOutput, "negative_binomial": NegativeBinomialOutput}


def distribution_output(name: str, dim: int = 1) -> DistributionOutput:
    """The kind of distribution that a config names.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in OUTPUTS:
        near = did_you_mean(name, OUTPUTS)
        raise ConfigError(f"distribution_output is {name!r:.80}; expected {', '.join(OUTPUTS)}.{near}")
    return OUTPUTS[name](dim)
