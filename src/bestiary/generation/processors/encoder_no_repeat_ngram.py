"""No n-gram of the input."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, LogitsProcessor
from .no_repeat_ngram import ban_completions

__all__ = ["EncoderNoRepeatNGramLogitsProcessor"]

OPTIONS = {"encoder_no_repeat_ngram_size": Option(Whole, default=0)}
PLACE = 150


class EncoderNoRepeatNGramLogitsProcessor(LogitsProcessor):
    """Bans every token that would complete an n-gram of `encoder_input_ids` (B, S), row by row; -1 is no token."""

    def __init__(self, encoder_ngram_size: int, encoder_input_ids: Tensor) -> None:
        if not isinstance(encoder_ngram_size, int) or encoder_ngram_size < 1:
            raise ConfigError(f"encoder_no_repeat_ngram_size is {encoder_ngram_size!r}; expected a whole number of at least 1")
        self.ngram_size = encoder_ngram_size
        self.encoder_input_ids = encoder_input_ids if encoder_input_ids.dim() == 2 else encoder_input_ids.unsqueeze(0)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        rows, inputs = scores.shape[0], self.encoder_input_ids.shape[0]
        source = self.encoder_input_ids.to(input_ids.device).repeat_interleave(rows // inputs, dim=0)
        return ban_completions(scores, input_ids, source, self.ngram_size)


def build(context: Context) -> LogitsProcessor | None:
    size = context.config.encoder_no_repeat_ngram_size
    if not size:
        return None
    if context.encoder_input_ids is None:
        raise ConfigError("encoder_no_repeat_ngram_size needs an input made of tokens, and this one is not")
    return EncoderNoRepeatNGramLogitsProcessor(size, context.encoder_input_ids)
