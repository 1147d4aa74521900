"""Groups of beams that differ."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["HammingDiversityLogitsProcessor"]

OPTIONS = {"diversity_penalty": Option(float, default=0.0, needs=("num_beam_groups",))}
PLACE = 130
ASKED_BY = ("num_beam_groups",)


class HammingDiversityLogitsProcessor(LogitsProcessor):
    """Lowers, in one group of beams, the tokens that earlier groups chose in this step (https://arxiv.org/abs/1610.02424).

    Args:
        diversity_penalty: what each choice of an earlier group takes from a token's score.
        num_beams, num_beam_groups: beams of each input, in groups of equal size.
    """

    def __init__(self, diversity_penalty: float, num_beams: int, num_beam_groups: int) -> None:
        if not isinstance(diversity_penalty, float) or not diversity_penalty > 0:
            raise ConfigError(f"diversity_penalty is {diversity_penalty!r}; expected a floating-point number above 0")
        if num_beams < 2:
            raise ConfigError(f"num_beams is {num_beams!r}; diverse beams need at least 2")
        if num_beam_groups < 2 or num_beam_groups > num_beams:
            raise ConfigError(f"num_beam_groups is {num_beam_groups!r}; expected from 2 to num_beams, {num_beams}")
        self.diversity_penalty = diversity_penalty
        self.num_beams = num_beams
        self.num_sub_beams = num_beams // num_beam_groups

    def __call__(  # type: ignore[override]
        self, input_ids: Tensor, scores: Tensor, current_tokens: Tensor, beam_group_idx: int
    ) -> Tensor:
        """The new scores of the group `beam_group_idx`.

        Args:
            scores: (B * beams of a group, V). current_tokens: (B * num_beams,) chosen in this step, by the groups so far.
        """
        before = beam_group_idx * self.num_sub_beams
        if before == 0:
            return scores
        chosen = current_tokens.reshape(-1, self.num_beams)[:, :before]
        counts = scores.new_zeros(chosen.shape[0], scores.shape[-1])
        counts.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=scores.dtype))
        group = scores.shape[0] // chosen.shape[0]
        return scores - self.diversity_penalty * counts.repeat_interleave(group, dim=0)


def build(context: Context) -> LogitsProcessor | None:
    """For the strategy of diverse beams, which applies it to one group after the other."""
    config = context.config
    if config.effective("num_beam_groups") == 1:
        return None
    names = ("diversity_penalty", "num_beams", "num_beam_groups")
    penalty, *beams = (config.effective(name) for name in names)
    return HammingDiversityLogitsProcessor(float(penalty), *beams)
