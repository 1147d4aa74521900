"""Guidance, and the end of each channel of audio codes; scores are (B C, V), C channels of each row."""

from dataclasses import field

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Natural, Whole
from ...generation.processor import DeclaredProcessor, only
from ..musicgen.score_processors import ClassifierFreeGuidanceLogitsProcessor


class DiaClassifierFreeGuidanceLogitsProcessor(ClassifierFreeGuidanceLogitsProcessor):
    """Maps scores (2 B, V) of conditional rows c, then unconditional ones u, to c + guidance_scale (c - u), (B, V).

    Args:
        guidance_top_k: the guided scores then only pick this many tokens, which keep their conditional scores.
    """

    guidance_top_k: Natural | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        with_condition, without_it = self.halves(scores, input_ids)
        guided = with_condition + (with_condition - without_it) * self.guidance_scale
        if self.guidance_top_k is None:
            return guided
        best = guided.topk(min(self.guidance_top_k, guided.shape[-1]), dim=-1).indices
        cut = torch.ones_like(guided, dtype=torch.bool).scatter_(-1, best, False)
        return with_condition.masked_fill(cut, -torch.inf)


class DiaEOSChannelFilterLogitsProcessor(DeclaredProcessor):
    """Decides on the end in channel 0 of `num_channels`: forced where it is best, else banned.

    All other channels may not end by themselves.
    """

    num_channels: Natural
    eos_token_id: Natural

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        eos = self.eos_token_id
        by_channel = scores.reshape(-1, self.num_channels, scores.shape[-1]).clone()
        # What lies above the end token is no sound.
        by_channel[:, 1:, eos:] = -torch.inf
        by_channel[:, 0, eos + 1 :] = -torch.inf
        best = by_channel[:, 0].argmax(-1) == eos
        by_channel[:, 0, :eos].masked_fill_(best.unsqueeze(1), -torch.inf)
        by_channel[:, 0, eos].masked_fill_(~best, -torch.inf)
        return by_channel.reshape(scores.shape)


class DiaEOSDelayPatternLogitsProcessor(DeclaredProcessor):
    """Forces the end in channel c `delay_pattern[c]` steps after it was best in channel 0.

    The end starts at the latest when the remaining tokens are just enough for all channels to end before
    `max_generation_len`. The processor counts steps, so it serves one generation.
    """

    delay_pattern: list[Whole]
    eos_token_id: int
    max_generation_len: int
    device: str = "cpu"
    _since: Tensor | None = field(default=None, init=False)  # steps since the end began (B,), below 0 where it has not

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.delay_pattern:
            raise ConfigError("delay_pattern is empty; expected a delay of at least 0 for each channel")
        self._delays = torch.tensor(self.delay_pattern, device=self.device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._delays = self._delays.to(scores.device)
        best = scores.reshape(-1, len(self._delays), scores.shape[-1])[:, 0].argmax(-1)
        since = torch.full_like(best, -1) if self._since is None else self._since
        latest = self.max_generation_len - max(self.delay_pattern) - 1
        begins = (best == self.eos_token_id) | (input_ids.shape[1] == latest)
        self._since = since = torch.where(since >= 0, since + 1, torch.where(begins, 0, -1))
        due = (since.unsqueeze(1) == self._delays).reshape(-1, 1)
        return torch.where(due, only(scores, self.eos_token_id), scores)
