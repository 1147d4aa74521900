"""No end before a number of new tokens."""

from torch import Tensor

from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor, TokenIds, without

OPTIONS = {"min_new_tokens": Option(Whole)}
PLACE = 180


class MinNewTokensLengthLogitsProcessor(DeclaredProcessor):
    """Bans the end tokens while there are fewer than `min_new_tokens` after the first `prompt_length_to_skip`."""

    prompt_length_to_skip: Whole
    min_new_tokens: Whole
    eos_token_id: TokenIds
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        new = input_ids.shape[1] - self.prompt_length_to_skip
        return scores if new >= self.min_new_tokens else without(scores, self.eos_token_id)


def build(context: Context) -> DeclaredProcessor | None:
    least = context.config.min_new_tokens
    if not least or context.eos is None:
        return None
    return MinNewTokensLengthLogitsProcessor(context.prompt_length, least, context.eos)
