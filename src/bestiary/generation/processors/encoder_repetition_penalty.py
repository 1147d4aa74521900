"""More, or fewer, of the tokens of the input."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Positive
from ..options import Option
from ..processor import Context, LogitsProcessor
from .repetition_penalty import penalize_some

__all__ = ["EncoderRepetitionPenaltyLogitsProcessor"]

OPTIONS = {"encoder_repetition_penalty": Option(Positive, default=1.0)}
PLACE = 120


class EncoderRepetitionPenaltyLogitsProcessor(LogitsProcessor):
    """Makes the tokens of `encoder_input_ids` (B, S) more likely by `penalty` above 1, less likely below 1; -1 is none."""

    def __init__(self, penalty: float, encoder_input_ids: Tensor) -> None:
        if not isinstance(penalty, int | float) or not penalty > 0:
            raise ConfigError(f"encoder_repetition_penalty is {penalty!r}; expected a number above 0")
        self.penalty = 1 / penalty
        self.encoder_input_ids = encoder_input_ids

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        tokens = self.encoder_input_ids
        return penalize_some(scores, tokens, tokens >= 0, self.penalty)


def build(context: Context) -> LogitsProcessor | None:
    penalty = context.config.encoder_repetition_penalty
    if penalty is None or penalty == 1:
        return None
    if context.encoder_input_ids is None:
        raise ConfigError("encoder_repetition_penalty needs an input made of tokens, and this one is not")
    return EncoderRepetitionPenaltyLogitsProcessor(penalty, context.encoder_input_ids)
