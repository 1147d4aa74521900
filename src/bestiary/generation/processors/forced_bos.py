"""A given first token."""

from torch import Tensor

from ..options import Option
from ..processor import Context, DeclaredProcessor, only

OPTIONS = {"forced_bos_token_id": Option(int)}
PLACE = 200


class ForcedBOSTokenLogitsProcessor(DeclaredProcessor):
    """Forces `bos_token_id` right after a prompt of one token (the decoder's start token)."""

    bos_token_id: int

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return only(scores, self.bos_token_id) if input_ids.shape[1] == 1 else scores


def build(context: Context) -> DeclaredProcessor | None:
    token = context.config.forced_bos_token_id
    if token is None or context.prompt_length > 1:  # it would come too late to be first
        return None
    return ForcedBOSTokenLogitsProcessor(token)
