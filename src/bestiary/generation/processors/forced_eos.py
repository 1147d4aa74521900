"""A given last token."""

from torch import Tensor

from ...core.errors import ConfigError
from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids
from .forced_bos import only

__all__ = ["ForcedEOSTokenLogitsProcessor"]

OPTIONS = {"forced_eos_token_id": Option(int | list[int])}
PLACE = 210


class ForcedEOSTokenLogitsProcessor(LogitsProcessor):
    """Forces one of `eos_token_id` as the last token before `max_length`."""

    def __init__(self, max_length: int, eos_token_id: int | list[int] | Tensor, device: str = "cpu") -> None:
        self.max_length = max_length
        self.eos_token_id = token_ids(eos_token_id, device)
        if bool((self.eos_token_id < 0).any()):
            raise ConfigError(f"forced_eos_token_id is {eos_token_id}; expected whole numbers of at least 0")

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] != self.max_length - 1:
            return scores
        return only(scores, self.eos_token_id.to(scores.device))


def build(context: Context) -> LogitsProcessor | None:
    tokens = context.config.forced_eos_token_id
    return None if tokens is None else ForcedEOSTokenLogitsProcessor(context.max_length, tokens, str(context.device))
