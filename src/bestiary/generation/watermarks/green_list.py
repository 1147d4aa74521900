"""Green lists (https://arxiv.org/abs/2306.04634): after each context, some of the vocabulary is likelier."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError, InputError
from ...core.kinds import Natural, Rate
from ..processor import DeclaredProcessor
from ..watermark import BaseWatermarkingConfig, as_watermark

_TABLE = 1_000_003
_CANDIDATES = 40  # tokens that "selfhash" looks at, the best first


class WatermarkingConfig(BaseWatermarkingConfig):
    """Green lists: after each context, the scores of some of the vocabulary are raised.

    Args:
        greenlist_ratio: share of the vocabulary that is green. bias: what is added to its scores.
        hashing_key: the secret; texts are detected with the same one.
        seeding_scheme: "lefthash", by the token before, or "selfhash", by the tokens before and the new one itself.
        context_width: tokens that the choice depends on.

    Raises:
        ConfigError: a value is out of its range.
    """

    greenlist_ratio: Rate = 0.25
    bias: float = 2.0
    hashing_key: "int" = 15485863  # quoted: of any size
    seeding_scheme: Literal["lefthash", "selfhash"] = "lefthash"
    context_width: Natural = 1

    def construct_processor(self, vocab_size: int, device: Any) -> "WatermarkLogitsProcessor":
        return WatermarkLogitsProcessor(vocab_size, device, **self.to_dict())


class WatermarkLogitsProcessor(DeclaredProcessor):
    """Adds `bias` to the scores of the green tokens, which depend on the tokens before (https://arxiv.org/abs/2306.04634).

    Args:
        vocab_size, device: of the scores. Green lists differ between devices, as random numbers do.
        greenlist_ratio, bias, hashing_key, seeding_scheme, context_width: see `WatermarkingConfig`.
        max_cache_size: green lists that are kept.
    """

    vocab_size: int
    device: Any
    greenlist_ratio: Rate = WatermarkingConfig.greenlist_ratio
    bias: float = WatermarkingConfig.bias
    hashing_key: int = WatermarkingConfig.hashing_key
    seeding_scheme: Literal["lefthash", "selfhash"] = WatermarkingConfig.seeding_scheme
    context_width: Natural = WatermarkingConfig.context_width
    max_cache_size: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hash_key = self.hashing_key
        self.greenlist_size = int(self.vocab_size * self.greenlist_ratio)
        self.rng = torch.Generator(device=self.device)
        if self.seeding_scheme == "selfhash":
            generator = self.rng.manual_seed(self.hash_key)
            self._table = torch.randperm(_TABLE, generator=generator, device=self.device).cpu()
        self._of_seed = lru_cache(self.max_cache_size)(self._draw)

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
        return torch.tensor([token for token in candidates if self.is_green((*context, token), token)], dtype=torch.int64)

    def _seed(self, context: list[int]) -> int:
        if self.seeding_scheme == "lefthash":
            return self.hash_key * context[-1] % (2**64 - 1)
        table = self._table[torch.tensor(context[-self.context_width :]) % _TABLE] + 1
        # The products wrap around in 64 bits, and the smallest is taken, as in the published watermark.
        return int((self.hash_key * table * table[-1]).min()) % (2**64 - 1)

    def _draw(self, seed: int) -> Tensor:
        order = torch.randperm(self.vocab_size, generator=self.rng.manual_seed(seed), device=self.rng.device)
        return order[: self.greenlist_size].clone()


@dataclass
class WatermarkDetectorOutput:
    """What `WatermarkDetector` found in each text (B,).

    num_tokens_scored, num_green_tokens, green_fraction: what was counted. z_score: standard deviations above what chance
    gives; p_value: how likely chance gives as much. prediction: whether z_score is above the threshold.
    confidence: 1 - p_value.
    """

    num_tokens_scored: np.ndarray | None = None
    num_green_tokens: np.ndarray | None = None
    green_fraction: np.ndarray | None = None
    z_score: np.ndarray | None = None
    p_value: np.ndarray | None = None
    prediction: np.ndarray | None = None
    confidence: np.ndarray | None = None


class WatermarkDetector:
    """Finds the watermark of `WatermarkingConfig`; needs the settings and the device that the text was made with.

    Args:
        model_config: of the model that wrote the text, for its vocabulary.
        ignore_repeated_ngrams: count each context with its token once.
        max_cache_size: green lists that are kept.
    """

    def __init__(
        self,
        model_config: Any,
        device: Any,
        watermarking_config: Any,
        ignore_repeated_ngrams: bool = False,
        max_cache_size: int = 128,
    ) -> None:
        settings = as_watermark(watermarking_config)
        if not isinstance(settings, WatermarkingConfig):
            raise ConfigError(f"WatermarkDetector reads green lists, not {type(settings).__name__}")
        text = model_config.get_text_config(decoder=True)
        self.bos_token_id = text.bos_token_id
        self.greenlist_ratio = settings.greenlist_ratio
        self.ignore_repeated_ngrams = ignore_repeated_ngrams
        self.processor = WatermarkLogitsProcessor(text.vocab_size, device, max_cache_size=max_cache_size, **settings.to_dict())
        # The context, and, where the new token is no part of it, that token.
        self._window = settings.context_width + (settings.seeding_scheme == "lefthash")

    def __call__(
        self, input_ids: Tensor, z_threshold: float = 3.0, return_dict: bool = False
    ) -> WatermarkDetectorOutput | np.ndarray:
        """Whether each text (B, T) is marked, as booleans (B,), or with `return_dict` everything that was counted.

        Raises:
            InputError: only some texts begin with the begin token, or they are too short to judge.
        """
        starts = input_ids[:, 0] == self.bos_token_id if self.bos_token_id is not None else input_ids[:, 0] != input_ids[:, 0]
        if bool(starts.all()):
            input_ids = input_ids[:, 1:]
        elif bool(starts.any()):
            raise InputError("some of the texts begin with the begin token and some do not; prepare them all in one way")
        if input_ids.shape[1] < self._window:
            raise InputError(f"the texts have {input_ids.shape[1]} tokens; it takes at least {self._window} to judge one")
        counted = [self._count(row) for row in input_ids]
        scored, green = (np.array(column, dtype=np.float64) for column in zip(*counted, strict=True))
        expected = self.greenlist_ratio
        z_score = (green - expected * scored) / np.sqrt(scored * expected * (1 - expected))
        prediction = z_score > z_threshold
        if not return_dict:
            return prediction
        p_value = np.array([math.erfc(z / math.sqrt(2)) / 2 for z in z_score])
        return WatermarkDetectorOutput(scored, green, green / scored, z_score, p_value, prediction, 1 - p_value)

    def _count(self, row: Tensor) -> tuple[int, int]:
        windows = row.unfold(0, self._window, 1)
        seen: dict[tuple[int, ...], bool] = {}
        green = 0
        for ngram in windows.tolist():
            key = tuple(ngram)
            if key not in seen:
                seen[key] = self.processor.is_green(key[:-1] if self.processor.seeding_scheme == "lefthash" else key, key[-1])
            green += seen[key]
        return (len(seen), sum(seen.values())) if self.ignore_repeated_ngrams else (len(windows), green)


SETTINGS = WatermarkingConfig
