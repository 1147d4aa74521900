"""Flatter or sharper distributions."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import EndlessAmount
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"temperature": Option(EndlessAmount, default=1.0, needs=("do_sample",))}
PLACE = 510


class TemperatureLogitsWarper(DeclaredProcessor):
    """Divides the scores by `temperature`: towards 0 the best token takes all, above 1 the distribution flattens."""

    temperature: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.temperature, int | float) or not self.temperature > 0:
            raise ConfigError(
                f"temperature is {self.temperature!r}; expected a number above 0; for greedy decoding set do_sample=False"
            )

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores / self.temperature


def build(context: Context) -> DeclaredProcessor:
    return TemperatureLogitsWarper(context.config.effective("temperature"))
