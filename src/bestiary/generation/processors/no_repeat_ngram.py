"""No n-gram twice."""

from ...core.errors import ConfigError
from . import Context, LogitsProcessor, Tensor, ban

OPTIONS = ("no_repeat_ngram_size",)
PLACE = 140


class NoRepeatNGramLogitsProcessor(LogitsProcessor):
    """Bans every token that would complete an n-gram of `ngram_size` tokens that the row already holds."""

    def __init__(self, ngram_size: int) -> None:
        if not isinstance(ngram_size, int) or ngram_size < 1:
            raise ConfigError(f"no_repeat_ngram_size is {ngram_size!r}; expected a whole number of at least 1")
        self.ngram_size = ngram_size

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return ban_completions(scores, input_ids, input_ids, self.ngram_size)


def ban_completions(scores: Tensor, input_ids: Tensor, source: Tensor, size: int) -> Tensor:
    """`scores` without the tokens that, after the last `size` - 1 of `input_ids`, complete an n-gram of `source` (B, N)."""
    if source.shape[1] < size or input_ids.shape[1] < size - 1:
        return scores
    grams = source.unfold(1, size, 1)
    tail = input_ids[:, input_ids.shape[1] - size + 1 :].unsqueeze(1)
    return ban(scores, grams[..., -1], (grams[..., :-1] == tail).all(-1))


def build(context: Context) -> LogitsProcessor | None:
    size = context.config.no_repeat_ngram_size
    return NoRepeatNGramLogitsProcessor(size) if size else None
