"""Flatter or sharper distributions."""

from torch import Tensor

from ...core.kinds import Amount, Positive
from ..options import Option
from ..processor import Context, DeclaredProcessor

__all__ = ["TemperatureLogitsWarper"]

OPTIONS = {"temperature": Option(Amount, default=1.0, needs=("do_sample",))}
PLACE = 510


class TemperatureLogitsWarper(DeclaredProcessor):
    """Divides the scores by `temperature`: towards 0 the best token takes all, above 1 the distribution flattens."""

    temperature: Positive

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores / self.temperature


def build(context: Context) -> DeclaredProcessor:
    return TemperatureLogitsWarper(context.config.effective("temperature"))
