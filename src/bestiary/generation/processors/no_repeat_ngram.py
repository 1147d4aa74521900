"""No n-gram twice."""

import torch
from torch import Tensor

from ...core.kinds import Natural, Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor, ban

OPTIONS = {"no_repeat_ngram_size": Option(Whole, default=0)}
PLACE = 140


class NoRepeatNGramLogitsProcessor(DeclaredProcessor):
    """Bans every token that would complete an n-gram of `ngram_size` tokens that the row already holds.

    Args:
        padding: (B,) leading tokens of each row that do not count.
    """

    ngram_size: Natural
    padding: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.padding is None:
            return ban_completions(scores, input_ids, input_ids, self.ngram_size)
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        real = input_ids.masked_fill(places < self.padding.to(input_ids.device).reshape(-1, 1), -1)
        return ban_completions(scores, input_ids, real, self.ngram_size)


def ban_completions(scores: Tensor, input_ids: Tensor, source: Tensor, size: int) -> Tensor:
    """`scores` without the tokens that, after the last `size` - 1 of `input_ids`, complete an n-gram of `source` (B, N).

    Negative ids in `source` are no tokens.
    """
    if source.shape[1] < size or input_ids.shape[1] < size - 1:
        return scores
    grams = source.unfold(1, size, 1)
    tail = input_ids[:, input_ids.shape[1] - size + 1 :].unsqueeze(1)
    return ban(scores, grams[..., -1], (grams[..., :-1] == tail).all(-1) & (grams[..., -1] >= 0))


def build(context: Context) -> DeclaredProcessor:
    size = context.config.effective("no_repeat_ngram_size")
    # Longer n-grams with padding in them only matter behind a padding token that was written.
    return NoRepeatNGramLogitsProcessor(size, context.leading_padding if size == 1 else None)
