"""Which codes of sound may come next, and when a text has been said."""

import torch
from torch import Tensor

from ...core.kinds import Positive, Whole
from ...generation.processor import DeclaredProcessor, TokenIds, token_ids


class AlternatingCodebooksLogitsProcessor(DeclaredProcessor):
    """Allows the tokens of the first codebook at even places after the prompt, those of the second at odd ones.

    Args:
        input_start_len: tokens of the prompt.
        semantic_vocab_size: tokens before the first codebook; they are never allowed.
        codebook_size: tokens of the first codebook; the second one takes the rest.
    """

    input_start_len: Whole
    semantic_vocab_size: int
    codebook_size: int

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        second = self.semantic_vocab_size + self.codebook_size
        first_is_next = (input_ids.shape[1] - self.input_start_len) % 2 == 0
        allowed = slice(self.semantic_vocab_size, second) if first_is_next else slice(second, None)
        result = torch.full_like(scores, -torch.inf)
        result[:, allowed] = scores[:, allowed]
        return result


class BarkEosPrioritizerLogitsProcessor(DeclaredProcessor):
    """Leaves only the end tokens in rows where one of them is more probable than `min_eos_p`; None never does."""

    eos_token_id: TokenIds
    min_eos_p: Positive | None
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.min_eos_p is None:
            return scores
        eos = token_ids(self.eos_token_id, scores.device)
        due = (scores.softmax(-1)[:, eos] > self.min_eos_p).any(1, keepdim=True)
        ends = torch.full_like(scores, -torch.inf)
        ends[:, eos] = scores[:, eos]
        return torch.where(due, ends, scores)
