"""What of M2M-100 is not BART: sinusoids that nothing stores, by positions that padding tokens do not count in."""

from typing import Any

from ...modeling.stack import Stack
from ...nn.embeddings import ComputedPositions
from ..bart.model import BartHalf


class M2M100Half(BartHalf):
    """Words and sinusoids, then layers, then a norm. The first row of the sinusoids is the one after the padding token's id."""

    stacks = {"": Stack("layers", "layer_norm")}
    positions_class, norms_input, counts_ids = ComputedPositions, False, True

    def __init__(self, config: Any) -> None:
        self.first_row = 0 if config.pad_token_id is None else config.pad_token_id + 1
        super().__init__(config)
