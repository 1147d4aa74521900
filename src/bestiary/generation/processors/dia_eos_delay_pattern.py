"""The end in each channel, so many steps after the first."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..processor import LogitsProcessor
from .forced_bos import only

__all__ = ["DiaEOSDelayPatternLogitsProcessor"]


class DiaEOSDelayPatternLogitsProcessor(LogitsProcessor):
    """Forces the end in channel c `delay_pattern[c]` steps after it was best in channel 0 (scores (B C, V)).

    The end starts at the latest when the remaining tokens are just enough for all channels to end before
    `max_generation_len`. The processor counts steps, so it serves one generation.
    """

    def __init__(self, delay_pattern: list[int], eos_token_id: int, max_generation_len: int, device: str = "cpu") -> None:
        if not delay_pattern or min(delay_pattern) < 0:
            raise ConfigError(f"delay_pattern is {delay_pattern!r}; expected a delay of at least 0 for each channel")
        self.num_channels = len(delay_pattern)
        self.delay_pattern = torch.tensor(delay_pattern, device=device)
        self.eos_token_id = eos_token_id
        self.max_generation_len = max_generation_len
        self._latest = max_generation_len - max(delay_pattern) - 1
        self._since: Tensor | None = None  # steps since the end began (B,), below 0 where it has not

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        delays = self.delay_pattern.to(scores.device)
        best = scores.reshape(-1, self.num_channels, scores.shape[-1])[:, 0].argmax(-1)
        since = torch.full_like(best, -1) if self._since is None else self._since
        begins = (best == self.eos_token_id) | (input_ids.shape[1] == self._latest)
        self._since = since = torch.where(since >= 0, since + 1, torch.where(begins, 0, -1))
        due = (since.unsqueeze(1) == delays).reshape(-1, 1)
        return torch.where(due, only(scores, self.eos_token_id), scores)
