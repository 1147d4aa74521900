"""No end before a number of new tokens."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids

__all__ = ["MinNewTokensLengthLogitsProcessor"]

OPTIONS = {"min_new_tokens": Option(Whole)}
PLACE = 180


class MinNewTokensLengthLogitsProcessor(LogitsProcessor):
    """Bans the end tokens while there are fewer than `min_new_tokens` after the first `prompt_length_to_skip`."""

    def __init__(
        self,
        prompt_length_to_skip: int,
        min_new_tokens: int,
        eos_token_id: int | list[int] | Tensor,
        device: str = "cpu",
    ) -> None:
        for name, value in (("prompt_length_to_skip", prompt_length_to_skip), ("min_new_tokens", min_new_tokens)):
            if not isinstance(value, int) or value < 0:
                raise ConfigError(f"{name} is {value!r}; expected a whole number of at least 0")
        self.prompt_length_to_skip = prompt_length_to_skip
        self.min_new_tokens = min_new_tokens
        self.eos_token_id = token_ids(eos_token_id, device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] - self.prompt_length_to_skip >= self.min_new_tokens:
            return scores
        return scores.index_fill(1, self.eos_token_id.to(scores.device), -float("inf"))


def build(context: Context) -> LogitsProcessor | None:
    least = context.config.min_new_tokens
    if not least or context.eos is None:
        return None
    return MinNewTokensLengthLogitsProcessor(context.prompt_length, least, context.eos, str(context.device))
