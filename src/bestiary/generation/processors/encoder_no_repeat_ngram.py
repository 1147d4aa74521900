"""No n-gram of the input."""

from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Natural, Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor
from .no_repeat_ngram import ban_completions

OPTIONS = {"encoder_no_repeat_ngram_size": Option(Whole, default=0)}
PLACE = 150


class EncoderNoRepeatNGramLogitsProcessor(DeclaredProcessor):
    """Bans every token that would complete an n-gram of `encoder_input_ids` (B, S) or (S,), row by row; -1 is no token."""

    encoder_ngram_size: Natural
    encoder_input_ids: Tensor

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        source = self.encoder_input_ids.to(input_ids.device)
        source = source.reshape(-1, source.shape[-1])
        source = source.repeat_interleave(len(scores) // len(source), dim=0)
        return ban_completions(scores, input_ids, source, self.encoder_ngram_size)


def build(context: Context) -> DeclaredProcessor:
    if context.encoder_input_ids is None:
        raise ConfigError("encoder_no_repeat_ngram_size needs an input made of tokens, and this one is not")
    size = context.config.effective("encoder_no_repeat_ngram_size")
    return EncoderNoRepeatNGramLogitsProcessor(size, context.encoder_input_ids)
