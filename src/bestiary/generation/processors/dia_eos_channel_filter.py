"""An end in the first channel only."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..processor import LogitsProcessor

__all__ = ["DiaEOSChannelFilterLogitsProcessor"]


class DiaEOSChannelFilterLogitsProcessor(LogitsProcessor):
    """Decides on the end in channel 0 of `num_channels` (scores (B C, V)): forced where it is best, else banned.

    All other channels may not end by themselves.
    """

    def __init__(self, num_channels: int, eos_token_id: int) -> None:
        if num_channels < 1:
            raise ConfigError(f"num_channels is {num_channels!r}; expected a whole number of at least 1")
        if eos_token_id < 1:
            raise ConfigError(f"eos_token_id is {eos_token_id!r}; expected a whole number of at least 1")
        self.num_channels = num_channels
        self.eos_id = eos_token_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        by_channel = scores.reshape(-1, self.num_channels, scores.shape[-1]).clone()
        # What lies above the end token is no sound.
        by_channel[:, 1:, self.eos_id :] = -torch.inf
        by_channel[:, 0, self.eos_id + 1 :] = -torch.inf
        best = by_channel[:, 0].argmax(-1) == self.eos_id
        by_channel[:, 0, : self.eos_id].masked_fill_(best.unsqueeze(1), -torch.inf)
        by_channel[:, 0, self.eos_id].masked_fill_(~best, -torch.inf)
        return by_channel.reshape(scores.shape)
