"""What of mBART is not BART: where a decoder starts."""

import torch
from torch import Tensor

from ...core.errors import InputError
from ...nn.losses import IGNORE
from ..bart import NORMED
from ..bart.model import BartPreTrainedModel


class MBartPreTrainedModel(BartPreTrainedModel):
    """What all mBART classes share."""

    stacks = NORMED

    def shifted(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """The decoder's input (B, T) for the targets `ids` (B, T): each row one place later, its last real token in front.

        Raises:
            InputError: the config has no padding token, by which the last real one is told.
        """
        pad = self.config.pad_token_id
        if pad is None:
            raise InputError("config.pad_token_id is None; set it, or pass decoder_input_ids")
        ids = ids.masked_fill(ids == IGNORE, pad)
        real = (ids != pad if mask is None else mask != 0).int()
        last = ids.shape[1] - 1 - real.flip(1).argmax(1, keepdim=True)
        return torch.cat([ids[:, :1], ids[:, :-1]], dim=1).scatter(1, real.argmax(1, keepdim=True), ids.gather(1, last))
