"""No end before a total length."""

from torch import Tensor

from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor, TokenIds, without

OPTIONS = {"min_length": Option(Whole, default=0)}
PLACE = 170


class MinLengthLogitsProcessor(DeclaredProcessor):
    """Bans the end tokens while a row, prompt included, is shorter than `min_length`."""

    min_length: Whole
    eos_token_id: TokenIds
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores if input_ids.shape[1] >= self.min_length else without(scores, self.eos_token_id)


def build(context: Context) -> DeclaredProcessor | None:
    least = context.config.min_length
    if not least or context.eos is None or least <= context.prompt_length or context.config.min_new_tokens:
        return None
    return MinLengthLogitsProcessor(least, context.eos)
