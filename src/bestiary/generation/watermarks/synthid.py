"""SynthID's watermark: tournaments among tokens (https://www.nature.com/articles/s41586-024-08025-4)."""

from typing import Annotated, Any

import torch
from torch import Tensor

from ...core.errors import ConfigError, InputError
from ...core.kinds import Range
from ..processor import DeclaredProcessor
from ..watermark import BaseWatermarkingConfig

TOLD_BY = ("keys", "ngram_len")

# Of the linear congruential generator that chains the hashes.
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1
_MOST = 2**24 - 1


class SynthIDTextWatermarkingConfig(BaseWatermarkingConfig):
    """SynthID: each token is the winner of a tournament among drawn tokens, judged by keys and context.

    Args:
        ngram_len: tokens that a judgement depends on, the new one included. keys: the secret, one for each round.
        context_history_size: contexts that are remembered; in a repeated one nothing is marked.
        sampling_table_seed, sampling_table_size: of the table that makes judgements of hashes.
        skip_first_ngram_calls: mark nothing until `ngram_len` - 1 tokens are there.
        debug_mode: mark a uniform distribution instead of the model's.

    Raises:
        ConfigError: a value is out of its range.
    """

    ngram_len: Annotated[int, Range(2, _MOST)] = 5
    keys: "list[int] | None" = None  # quoted: of any size
    context_history_size: Annotated[int, Range(1, _MOST)] = 1024
    sampling_table_seed: "int" = 0  # quoted: of any size
    sampling_table_size: Annotated[int, Range(1, _MOST)] = 2**16
    skip_first_ngram_calls: bool = False
    debug_mode: bool = False

    def validate(self) -> None:
        """Check each value."""
        keys = self.keys
        if not isinstance(keys, list | tuple) or not keys or any(not isinstance(key, int) for key in keys):
            raise ConfigError(f"keys is {keys!r}; expected a list with a whole number for each round")
        super().validate()

    def construct_processor(self, vocab_size: int, device: Any) -> "SynthIDTextWatermarkLogitsProcessor":
        return SynthIDTextWatermarkLogitsProcessor(**self.to_dict(), device=device)


class SynthIDTextWatermarkLogitsProcessor(DeclaredProcessor):
    """Changes the distribution to that of the winner of a tournament among drawn tokens.

    Each token has in each of the `len(keys)` rounds a value g of 0 or 1, which depends on the `ngram_len` - 1 new tokens
    before it; a round multiplies its probability by 1 + g - sum(g p) (https://www.nature.com/articles/s41586-024-08025-4).
    In a context that the text had among its last `context_history_size` ones, nothing changes.

    The first call tells where the prompt ends: one processor serves one generation.
    """

    ngram_len: Annotated[int, Range(2, _MOST)]
    keys: Any
    sampling_table_size: int
    sampling_table_seed: int
    context_history_size: int
    device: Any
    skip_first_ngram_calls: bool = False
    debug_mode: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keys = torch.tensor(list(self.keys), device=self.device)
        drawn = torch.Generator(device=self.device).manual_seed(self.sampling_table_seed)
        self.sampling_table = torch.randint(0, 2, (self.sampling_table_size,), generator=drawn, device=self.device)
        self._start: int | None = None  # tokens of the prompt

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._check(input_ids)
        if self._start is None:
            self._start = input_ids.shape[1]
        elif input_ids.shape[1] < self._start:  # shown the new tokens alone; each call but the first comes after one
            self._start = max(0, input_ids.shape[1] - 1)
        if self.debug_mode:
            scores = torch.ones_like(scores)
        new, width = input_ids[:, self._start :], self.ngram_len - 1
        if self.skip_first_ngram_calls and new.shape[1] < width:
            return scores
        # Contexts of all new tokens so far and of the next one; before the first there is nothing but zeros.
        padded = torch.cat([new.new_zeros(new.shape[0], width), new], dim=1)
        windows = padded.unfold(1, width, 1)
        first = width if self.skip_first_ngram_calls else 0
        windows = windows[:, max(first, windows.shape[1] - 1 - self.context_history_size) :]
        hashes = self.accumulate_hash(torch.ones_like(windows[..., 0]), windows)
        repeated = (hashes[:, :-1] == hashes[:, -1:]).any(1, keepdim=True)
        tokens = torch.arange(scores.shape[-1], device=scores.device)
        keys = self._with_keys(self.accumulate_hash(hashes[:, -1:].expand(-1, len(tokens)), tokens.unsqueeze(-1)))
        return torch.where(repeated, scores, self.update_scores(scores, self.sample_g_values(keys)))

    def update_scores(self, scores: Tensor, g_values: Tensor) -> Tensor:
        """Scores (B, V) after the tournament with the values (B, V, depth): log probabilities, finite ones."""
        probabilities = scores.softmax(1)
        for depth in range(g_values.shape[2]):
            g = g_values[:, :, depth]
            probabilities = probabilities * (1 + g - (g * probabilities).sum(1, keepdim=True))
        logp = probabilities.log()
        return torch.where(logp.isfinite(), logp, torch.finfo(logp.dtype).min)

    def accumulate_hash(
        self, current_hash: Tensor, data: Tensor, multiplier: int = _MULTIPLIER, increment: int = _INCREMENT
    ) -> Tensor:
        """The hashes (...) that go on from `current_hash` (...) over `data` (..., n), in 64 bits."""
        for index in range(data.shape[-1]):
            current_hash = (current_hash + data[..., index]) * multiplier + increment
        return current_hash

    def compute_ngram_keys(self, ngrams: Tensor) -> Tensor:
        """A key for each of the ngrams (B, N, ngram_len) in each round, (B, N, depth).

        Raises:
            InputError: the ngrams have another length.
        """
        if ngrams.dim() != 3 or ngrams.shape[2] != self.ngram_len:
            raise InputError(f"ngrams have the shape {tuple(ngrams.shape)}; expected (batch, number, {self.ngram_len})")
        return self._with_keys(self.accumulate_hash(torch.ones_like(ngrams[..., 0]), ngrams))

    def sample_g_values(self, ngram_keys: Tensor) -> Tensor:
        """The values 0 or 1 that belong to keys, of their shape."""
        return self.sampling_table.to(ngram_keys.device)[ngram_keys % len(self.sampling_table)]

    def compute_g_values(self, input_ids: Tensor) -> Tensor:
        """The values of each token of a text (B, T) in its context, (B, T - ngram_len + 1, depth)."""
        self._check(input_ids)
        return self.sample_g_values(self.compute_ngram_keys(input_ids.unfold(1, self.ngram_len, 1)))

    def compute_context_repetition_mask(self, input_ids: Tensor) -> Tensor:
        """Where the context of a token is new (B, T - ngram_len + 1), not among the last ones remembered."""
        self._check(input_ids)
        contexts = input_ids[:, :-1].unfold(1, self.ngram_len - 1, 1)
        hashes = self.accumulate_hash(torch.ones_like(contexts[..., 0]), contexts)
        ordered, places = hashes.sort(dim=1, stable=True)
        # In a stable order, the place before is the last time the same context was there.
        near = (ordered[:, 1:] == ordered[:, :-1]) & (places[:, 1:] - places[:, :-1] <= self.context_history_size)
        return ~torch.zeros_like(hashes, dtype=torch.bool).scatter_(1, places[:, 1:], near)

    def compute_eos_token_mask(self, input_ids: Tensor, eos_token_id: int) -> Tensor:
        """Which tokens come before the first end token of their row (B, T)."""
        self._check(input_ids)
        return (input_ids == eos_token_id).cumsum(1) == 0

    def expected_mean_g_value(self, vocab_size: int, coinflip_prob: float = 0.5) -> float:
        """The mean value of marked tokens where the model leaves all tokens of the vocabulary equally likely."""
        return coinflip_prob + coinflip_prob * (1 - coinflip_prob) * (1 - 1 / vocab_size)

    def _with_keys(self, hashes: Tensor) -> Tensor:
        keys = self.keys.to(hashes.device)
        return self.accumulate_hash(hashes.unsqueeze(-1).expand(*hashes.shape, len(keys)), keys.unsqueeze(-1))

    def _check(self, input_ids: Tensor) -> None:
        if input_ids.dim() != 2:
            raise InputError(f"input_ids have the shape {tuple(input_ids.shape)}; expected (batch, length)")


SETTINGS = SynthIDTextWatermarkingConfig
