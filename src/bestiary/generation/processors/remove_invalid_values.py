"""Numbers in place of NaN and infinity."""

import torch
from torch import Tensor

from ..options import Option
from ..processor import Context, LogitsProcessor

OPTIONS = {"remove_invalid_values": Option(bool, default=False)}
PLACE = 220


class InfNanRemoveLogitsProcessor(LogitsProcessor):
    """Replaces NaN by 0, and infinities by the largest and smallest finite numbers."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return torch.nan_to_num(scores, nan=0.0)


def build(context: Context) -> LogitsProcessor:
    return InfNanRemoveLogitsProcessor()
