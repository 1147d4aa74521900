"""A watermark of green lists."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["WatermarkLogitsProcessor"]

OPTIONS = {"watermarking_config": Option(Any)}
PLACE = 910

SCHEMES = ("lefthash", "selfhash")
_TABLE = 1_000_003
_CANDIDATES = 40  # tokens that "selfhash" looks at, the best first


class WatermarkLogitsProcessor(LogitsProcessor):
    """Adds `bias` to the scores of the green tokens, which depend on the tokens before (https://arxiv.org/abs/2306.04634).

    Args:
        vocab_size, device: of the scores. Green lists differ between devices, as random numbers do.
        greenlist_ratio: share of the vocabulary that is green.
        hashing_key: the secret.
        seeding_scheme: "lefthash" or "selfhash", see `WatermarkingConfig`.
        context_width: tokens that the choice depends on.
        max_cache_size: green lists that are kept.
    """

    def __init__(
        self,
        vocab_size: int,
        device: Any,
        greenlist_ratio: float = 0.25,
        bias: float = 2.0,
        hashing_key: int = 15485863,
        seeding_scheme: str = "lefthash",
        context_width: int = 1,
        max_cache_size: int = 128,
    ) -> None:
        if seeding_scheme not in SCHEMES:
            raise ConfigError(f"seeding_scheme is {seeding_scheme!r}; expected one of {', '.join(SCHEMES)}")
        if not 0 <= greenlist_ratio <= 1:
            raise ConfigError(f"greenlist_ratio is {greenlist_ratio!r}; expected a number from 0 to 1")
        self.vocab_size = vocab_size
        self.bias = bias
        self.seeding_scheme = seeding_scheme
        self.hash_key = hashing_key
        self.context_width = context_width
        self.greenlist_size = int(vocab_size * greenlist_ratio)
        self.rng = torch.Generator(device=device)
        if seeding_scheme == "selfhash":
            self._table = torch.randperm(_TABLE, generator=self.rng.manual_seed(hashing_key), device=device).cpu()
        self._of_seed = lru_cache(max_cache_size)(self._draw)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        contexts = input_ids[:, -self.context_width :].tolist()
        if self.seeding_scheme == "lefthash":
            green = [self._of_seed(self._seed(context)) for context in contexts]
        else:
            best = scores.topk(min(_CANDIDATES, scores.shape[-1]), dim=-1).indices
            green = [self._green_by_themselves(context, row) for context, row in zip(contexts, best.tolist(), strict=True)]
        added = torch.zeros_like(scores)
        for row, tokens in enumerate(green):
            added[row, tokens.to(scores.device)] = self.bias
        return scores + added

    def is_green(self, context: tuple[int, ...], token: int) -> bool:
        """Whether `token` is green after `context`, which for "selfhash" ends in the token itself."""
        return bool((self._of_seed(self._seed(list(context))) == token).any())

    def _green_by_themselves(self, context: list[int], candidates: list[int]) -> Tensor:
        found = [token for token in candidates if self.is_green((*context, token), token)]
        return torch.tensor(found, dtype=torch.int64)

    def _seed(self, context: list[int]) -> int:
        if self.seeding_scheme == "lefthash":
            return self.hash_key * context[-1] % (2**64 - 1)
        table = self._table[torch.tensor(context[-self.context_width :]) % _TABLE] + 1
        # The products wrap around in 64 bits, and the smallest is taken, as in the published watermark.
        return int((self.hash_key * table * table[-1]).min()) % (2**64 - 1)

    def _draw(self, seed: int) -> Tensor:
        order = torch.randperm(self.vocab_size, generator=self.rng.manual_seed(seed), device=self.rng.device)
        return order[: self.greenlist_size].clone()


def build(context: Context) -> LogitsProcessor | None:
    given = context.config.watermarking_config
    if given is None:
        return None
    from ..watermarking import as_watermark

    vocabulary = context.model.config.get_text_config(decoder=True).vocab_size
    return as_watermark(given).construct_processor(vocabulary, context.device)
