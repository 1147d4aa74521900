"""An end as soon as it is likely enough."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..processor import LogitsProcessor, token_ids

__all__ = ["BarkEosPrioritizerLogitsProcessor"]


class BarkEosPrioritizerLogitsProcessor(LogitsProcessor):
    """Leaves only the end tokens in rows where one of them is more probable than `min_eos_p`; None never does (Bark)."""

    def __init__(self, eos_token_id: int | list[int] | Tensor, min_eos_p: float | None, device: str = "cpu") -> None:
        if min_eos_p is not None and not min_eos_p > 0:
            raise ConfigError(f"min_eos_p is {min_eos_p!r}; expected a number above 0, or None")
        self.eos_token_id = token_ids(eos_token_id, device)
        self.min_eos_p = min_eos_p

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not self.min_eos_p:
            return scores
        eos = self.eos_token_id.to(scores.device)
        due = (scores.softmax(-1)[:, eos] > self.min_eos_p).any(1, keepdim=True)
        ends = torch.full_like(scores, -torch.inf)
        ends[:, eos] = scores[:, eos]
        return torch.where(due, ends, scores)
