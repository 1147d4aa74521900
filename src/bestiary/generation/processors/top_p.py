"""Nucleus sampling."""

import torch
from torch import Tensor

from ...core.kinds import Natural, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"top_p": Option(Rate, default=1.0, needs=("do_sample",))}
PLACE = 540


class TopPLogitsWarper(DeclaredProcessor):
    """Keeps the smallest set of most probable tokens that holds `top_p` of the mass (https://arxiv.org/abs/1904.09751)."""

    top_p: Rate
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        ascending, order = scores.sort(descending=False)
        # Mass of each token and all less probable ones: what does not exceed 1 - top_p can go.
        cut = ascending.softmax(-1).cumsum(-1) <= 1 - self.top_p
        cut[..., -self.min_tokens_to_keep :] = False
        return scores.masked_fill(cut.scatter(1, order, cut), self.filter_value)


def build(context: Context) -> DeclaredProcessor:
    return TopPLogitsWarper(context.config.effective("top_p"), min_tokens_to_keep=context.least)
