"""Marks in generated text that readers do not see and detectors do: their settings, and the detectors.

Two kinds: green lists (https://arxiv.org/abs/2306.04634) and SynthID's tournaments
(https://www.nature.com/articles/s41586-024-08025-4). The processors that write them are in `processors/`.
"""

import math
import os
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..core.config import Record
from ..core.errors import ConfigError, InputError, did_you_mean
from ..core.files import write_json
from .processor import LogitsProcessor
from .processors.synthid_watermarking import SynthIDTextWatermarkLogitsProcessor
from .processors.watermarking import SCHEMES, WatermarkLogitsProcessor

Tensor = torch.Tensor


class BaseWatermarkingConfig(Record):
    """Base of the settings of a watermark, what `generate(watermarking_config=...)` takes."""

    @abstractmethod
    def construct_processor(self, vocab_size: int, device: Any) -> LogitsProcessor:
        """The processor that writes this watermark into scores (B, vocab_size) on `device`."""

    def update(self, values: dict[str, Any] | None = None, **more: Any) -> None:
        """Set several values at once and check them together."""
        super().update({**(values or {}), **more})

    def to_json_file(self, json_file_path: str | os.PathLike[str]) -> None:
        """Write the values to a file."""
        write_json(json_file_path, self.to_dict())


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

    greenlist_ratio: float = 0.25
    bias: float = 2.0
    hashing_key: int = 15485863
    seeding_scheme: str = "lefthash"
    context_width: int = 1

    def __init__(
        self,
        greenlist_ratio: float = 0.25,
        bias: float = 2.0,
        hashing_key: int = 15485863,
        seeding_scheme: str = "lefthash",
        context_width: int = 1,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._field_names}
        super().__init__(**given)

    def validate(self) -> None:
        """Check each value."""
        if self.seeding_scheme not in SCHEMES:
            raise ConfigError(f"seeding_scheme is {self.seeding_scheme!r}; expected one of {', '.join(SCHEMES)}")
        if not 0 <= self.greenlist_ratio <= 1:
            raise ConfigError(f"greenlist_ratio is {self.greenlist_ratio!r}; expected a number from 0 to 1")
        if not isinstance(self.context_width, int) or self.context_width < 1:
            raise ConfigError(f"context_width is {self.context_width!r}; expected a whole number of at least 1")

    def construct_processor(self, vocab_size: int, device: Any) -> WatermarkLogitsProcessor:
        """The processor that writes this watermark."""
        return WatermarkLogitsProcessor(vocab_size, device, **self.to_dict())


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

    ngram_len: int = 5
    keys: list[int] | None = None
    context_history_size: int = 1024
    sampling_table_seed: int = 0
    sampling_table_size: int = 2**16
    skip_first_ngram_calls: bool = False
    debug_mode: bool = False

    def __init__(
        self,
        ngram_len: int,
        keys: list[int],
        context_history_size: int = 1024,
        sampling_table_seed: int = 0,
        sampling_table_size: int = 2**16,
        skip_first_ngram_calls: bool = False,
        debug_mode: bool = False,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._field_names}
        super().__init__(**given)

    def validate(self) -> None:
        """Check each value."""
        keys = self.keys
        if not isinstance(keys, list | tuple) or not keys or any(not isinstance(key, int) for key in keys):
            raise ConfigError(f"keys is {keys!r}; expected a list with a whole number for each round")
        for name, least in (("ngram_len", 2), ("context_history_size", 1), ("sampling_table_size", 1)):
            value = self.get(name)
            if not isinstance(value, int) or not least <= value < 2**24:
                raise ConfigError(f"{name} is {value!r}; expected a whole number from {least} to {2**24 - 1}")

    def construct_processor(self, vocab_size: int, device: Any) -> SynthIDTextWatermarkLogitsProcessor:
        """The processor that writes this watermark."""
        return SynthIDTextWatermarkLogitsProcessor(**self.to_dict(), device=device)


def as_watermark(given: Any) -> BaseWatermarkingConfig:
    """`given`, settings or a dictionary of their values, as settings; `keys` or `ngram_len` make it SynthID's.

    Raises:
        ConfigError: it is neither, or a name in it is unknown.
    """
    if isinstance(given, BaseWatermarkingConfig):
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(f"watermarking_config is a {type(given).__name__}; expected a WatermarkingConfig or a dictionary")
    synthid = "keys" in given or "ngram_len" in given
    kind: type[BaseWatermarkingConfig] = SynthIDTextWatermarkingConfig if synthid else WatermarkingConfig
    for name in given:
        if name not in kind._field_names:
            raise ConfigError(f"watermarking_config has no value {name!r}.{did_you_mean(name, sorted(kind._field_names))}")
    return kind.from_dict(dict(given))


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


class SynthIDTextWatermarkDetector:
    """Finds SynthID's watermark with a trained `BayesianDetectorModel`.

    Args:
        logits_processor: made with the settings that the text was made with. tokenizer: gives the end token.
    """

    def __init__(self, detector_module: Any, logits_processor: SynthIDTextWatermarkLogitsProcessor, tokenizer: Any) -> None:
        self.detector_module = detector_module
        self.logits_processor = logits_processor
        self.tokenizer = tokenizer

    def __call__(self, tokenized_outputs: Tensor) -> Tensor:
        """The probability (B,) that each text (B, T) is marked. What follows an end token, or repeats, does not count."""
        processor = self.logits_processor
        before_end = processor.compute_eos_token_mask(tokenized_outputs, self.tokenizer.eos_token_id)
        fresh = processor.compute_context_repetition_mask(tokenized_outputs)
        mask = fresh & before_end[:, processor.ngram_len - 1 :]
        judged = processor.compute_g_values(tokenized_outputs)
        found: Tensor = self.detector_module(judged, mask, return_dict=True).posterior_probabilities
        return found
