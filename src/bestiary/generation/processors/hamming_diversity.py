"""Groups of beams that differ."""

from typing import Annotated

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import FINITE, Positive, Range
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"diversity_penalty": Option(float, default=0.0, needs=("num_beam_groups",))}
PLACE = 125
ASKED_BY = ("num_beam_groups",)


class HammingDiversityLogitsProcessor(DeclaredProcessor):
    """Lowers, in one group of beams, the tokens that earlier groups chose in this step (https://arxiv.org/abs/1610.02424).

    Args:
        diversity_penalty: what each choice of an earlier group takes from a token's score.
        num_beams, num_beam_groups: beams of each input, in groups of equal size.
    """

    diversity_penalty: Positive
    num_beams: Annotated[int, Range(2, FINITE.most)]
    num_beam_groups: Annotated[int, Range(2, FINITE.most)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_beam_groups > self.num_beams:
            raise ConfigError(f"num_beam_groups is {self.num_beam_groups}; expected at most num_beams, {self.num_beams}")

    def __call__(  # type: ignore[override]
        self, input_ids: Tensor, scores: Tensor, current_tokens: Tensor, beam_group_idx: int
    ) -> Tensor:
        """The new scores of the group `beam_group_idx`.

        Args:
            scores: (B * beams of a group, V). current_tokens: (B * num_beams,) chosen in this step, by the groups so far.
        """
        before = beam_group_idx * (self.num_beams // self.num_beam_groups)
        if before == 0:
            return scores
        chosen = current_tokens.reshape(-1, self.num_beams)[:, :before]
        counts = scores.new_zeros(chosen.shape[0], scores.shape[-1])
        counts.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=scores.dtype))
        group = scores.shape[0] // chosen.shape[0]
        return scores - self.diversity_penalty * counts.repeat_interleave(group, dim=0)


def build(context: Context) -> DeclaredProcessor:
    """For the strategy of diverse beams, which applies it to one group after the other."""
    names = ("diversity_penalty", "num_beams", "num_beam_groups")
    return HammingDiversityLogitsProcessor(*(context.config.effective(name) for name in names))
