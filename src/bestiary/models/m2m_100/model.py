"""What of M2M-100 is not BART: sinusoids that nothing stores, by positions that padding tokens do not count in."""

from typing import Any

from torch import Tensor

from ...modeling.stack import Stack
from ...nn.embeddings import ComputedPositions
from ...nn.masks import positions
from ..bart.model import BartHalf


class M2M100Half(BartHalf):
    """Words and sinusoids, then layers, then a norm. The first row of the sinusoids is the one after the padding token's id."""

    stacks = {"": Stack("layers", "layer_norm")}
    positions_class, norms_input = ComputedPositions, False

    def __init__(self, config: Any) -> None:
        self.first_row = 0 if config.pad_token_id is None else config.pad_token_id + 1
        super().__init__(config)

    def told_positions(self, ids: Tensor | None, attention_mask: Tensor | None, cache: Any) -> Tensor | None:
        begins = cache is None or (isinstance(seen := cache.position(), int) and seen == 0)
        masked = attention_mask is not None and attention_mask.dim() == 2
        pad = self.config.pad_token_id
        if ids is None or pad is None or not begins or masked:
            return None
        return positions(ids != pad, ids.shape[1], 0, ids.device, self.first_row) - self.first_row
