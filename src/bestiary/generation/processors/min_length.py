"""No end before a total length."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids

__all__ = ["MinLengthLogitsProcessor"]

OPTIONS = {"min_length": Option(Whole, default=0)}
PLACE = 170


class MinLengthLogitsProcessor(LogitsProcessor):
    """Bans the end tokens while a row, prompt included, is shorter than `min_length`."""

    def __init__(self, min_length: int, eos_token_id: int | list[int] | Tensor, device: str = "cpu") -> None:
        if not isinstance(min_length, int) or min_length < 0:
            raise ConfigError(f"min_length is {min_length!r}; expected a whole number of at least 0")
        self.min_length = min_length
        self.eos_token_id = token_ids(eos_token_id, device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] >= self.min_length:
            return scores
        return scores.index_fill(1, self.eos_token_id.to(scores.device), -float("inf"))


def build(context: Context) -> LogitsProcessor | None:
    least = context.config.min_length
    if not least or context.eos is None or least <= context.prompt_length or context.config.min_new_tokens:
        return None
    return MinLengthLogitsProcessor(least, context.eos, str(context.device))
