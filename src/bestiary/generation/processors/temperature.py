"""Flatter or sharper distributions."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Amount
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["TemperatureLogitsWarper"]

OPTIONS = {"temperature": Option(Amount, default=1.0, needs=("do_sample",))}
PLACE = 510


class TemperatureLogitsWarper(LogitsProcessor):
    """Divides the scores by `temperature`: towards 0 the best token takes all, above 1 the distribution flattens."""

    def __init__(self, temperature: float) -> None:
        if not isinstance(temperature, int | float) or not temperature > 0:
            raise ConfigError(
                f"temperature is {temperature!r}; expected a number above 0; for greedy decoding set do_sample=False"
            )
        self.temperature = temperature

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores / self.temperature


def build(context: Context) -> LogitsProcessor | None:
    temperature = context.config.temperature
    return None if temperature is None or temperature == 1 else TemperatureLogitsWarper(temperature)
