"""A given last token."""

from torch import Tensor

from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor, only, token_ids

OPTIONS = {"forced_eos_token_id": Option(int | list[int])}
PLACE = 210


class ForcedEOSTokenLogitsProcessor(DeclaredProcessor):
    """Forces one of `eos_token_id` as the last token before `max_length`."""

    max_length: int
    eos_token_id: Whole | list[Whole] | Tensor
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return only(scores, self.eos_token_id) if input_ids.shape[1] == self.max_length - 1 else scores


def build(context: Context) -> DeclaredProcessor | None:
    tokens = context.config.forced_eos_token_id
    return None if tokens is None else ForcedEOSTokenLogitsProcessor(context.max_length, token_ids(tokens, context.device))
