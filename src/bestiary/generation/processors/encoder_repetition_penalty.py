"""More, or fewer, of the tokens of the input."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Positive
from ..options import Option
from ..processor import Context, DeclaredProcessor
from .repetition_penalty import penalize_some

OPTIONS = {"encoder_repetition_penalty": Option(Positive, default=1.0)}
PLACE = 120


class EncoderRepetitionPenaltyLogitsProcessor(DeclaredProcessor):
    """Makes the tokens of `encoder_input_ids` (B, S) more likely by `penalty` above 1, less likely below 1; -1 is none."""

    penalty: Positive
    encoder_input_ids: Tensor

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        tokens = self.encoder_input_ids
        return penalize_some(scores, tokens, tokens >= 0, 1 / self.penalty)


def build(context: Context) -> DeclaredProcessor:
    if context.encoder_input_ids is None:
        raise ConfigError("encoder_repetition_penalty needs an input made of tokens, and this one is not")
    penalty = context.config.effective("encoder_repetition_penalty")
    return EncoderRepetitionPenaltyLogitsProcessor(penalty, context.encoder_input_ids)
