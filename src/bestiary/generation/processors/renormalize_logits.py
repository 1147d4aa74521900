"""Scores as log probabilities."""

from torch import Tensor

from ..options import Option
from ..processor import Context, LogitsProcessor

OPTIONS = {"renormalize_logits": Option(bool, default=False)}
PLACE = 990


class LogitNormalization(LogitsProcessor):
    """Makes the scores log probabilities again, after processors that shifted them."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores.log_softmax(-1)


def build(context: Context) -> LogitsProcessor:
    return LogitNormalization()
