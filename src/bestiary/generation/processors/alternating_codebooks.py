"""Two codebooks by turns."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..processor import LogitsProcessor

__all__ = ["AlternatingCodebooksLogitsProcessor"]


class AlternatingCodebooksLogitsProcessor(LogitsProcessor):
    """Allows the tokens of the first codebook at even places after the prompt, those of the second at odd ones (Bark).

    Args:
        input_start_len: tokens of the prompt.
        semantic_vocab_size: tokens before the first codebook; they are never allowed.
        codebook_size: tokens of the first codebook; the second one takes the rest.
    """

    def __init__(self, input_start_len: int, semantic_vocab_size: int, codebook_size: int) -> None:
        if not isinstance(input_start_len, int) or input_start_len < 0:
            raise ConfigError(f"input_start_len is {input_start_len!r}; expected a whole number of at least 0")
        self.input_start_len = input_start_len
        self.semantic_vocab_size = semantic_vocab_size
        self.codebook_size = codebook_size

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        second = self.semantic_vocab_size + self.codebook_size
        first_is_next = (input_ids.shape[1] - self.input_start_len) % 2 == 0
        allowed = slice(self.semantic_vocab_size, second) if first_is_next else slice(second, None)
        result = torch.full_like(scores, -torch.inf)
        result[:, allowed] = scores[:, allowed]
        return result
