"""`DataCollatorForLanguageModeling`: labels for texts themselves, which tokens are hidden for masked language models."""

import multiprocessing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...core.errors import ArgumentError
from .collator import Collator, array


@dataclass
class DataCollatorForLanguageModeling(Collator):
    """Pads texts and makes their labels; -100 is where no loss is computed.

    Causal (`mlm=False`): every token but padding is a label. Masked (Devlin et al. 2019): `mlm_probability` of the tokens
    that are not special are labels; of these, `mask_replace_prob` become the mask token, `random_replace_prob` any token,
    and the rest stays.

    Args:
        tokenizer: pads; its special tokens are never hidden.
        whole_word_mask: hide all tokens of a word or none; examples need `offset_mapping`.
        pad_to_multiple_of, return_tensors: as of `tokenizer.pad`.
        seed: of draws of its own, in each worker of a DataLoader others; by default they are torch's or NumPy's.

    Raises:
        ArgumentError: a masked model without a mask token, probabilities that make no sense.
    """

    tokenizer: Any
    mlm: bool = True
    whole_word_mask: bool = False
    mlm_probability: float | None = 0.15
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.mlm and self.tokenizer.mask_token is None:
            raise ArgumentError("the tokenizer has no mask token; pass mlm=False for a causal language model")
        if self.whole_word_mask and not self.mlm:
            raise ArgumentError("whole_word_mask hides words, which mlm=False does not; pass mlm=True")
        parts = {"mask_replace_prob": self.mask_replace_prob, "random_replace_prob": self.random_replace_prob}
        wrong = {**parts, **({"mlm_probability": self.mlm_probability} if self.mlm else {})}
        for name, value in wrong.items():
            if value is None or not 0 <= value <= 1:
                raise ArgumentError(f"{name} is {value}; expected a probability, 0 to 1")
        if sum(parts.values()) > 1:
            raise ArgumentError(f"mask_replace_prob and random_replace_prob are more than 1 together: {parts}")
        if self.whole_word_mask and self.mask_replace_prob < 1:
            warnings.warn("whole words always become mask tokens: mask_replace_prob is 1", UserWarning, stacklevel=3)
            self.mask_replace_prob, self.random_replace_prob = 1, 0
        self.generator: Any = None

    def collate(self, features: list[Any], kind: str) -> Any:
        """The padded batch with `labels`; examples are mappings, or rows of ids."""
        if self.seed is not None and self.generator is None:
            self.generator = _generator(self.seed, kind)
        padding = {"pad_to_multiple_of": self.pad_to_multiple_of, "return_tensors": kind}
        if isinstance(features[0], Mapping):
            batch = self.tokenizer.pad(features, **padding)
        else:
            rows = [{"input_ids": row} for row in features]
            batch = {"input_ids": self.tokenizer.pad(rows, return_attention_mask=False, **padding)["input_ids"]}
        special, offsets = batch.pop("special_tokens_mask", None), batch.pop("offset_mapping", None)
        ids = np.asarray(batch["input_ids"])
        if self.mlm:
            ids, labels = self._hidden(
                ids, self._special(ids) if special is None else np.asarray(special, dtype=bool), offsets, kind
            )
            batch["input_ids"] = array(ids, kind)
        else:
            labels = np.where(ids == self.tokenizer.pad_token_id, -100, ids)
        batch["labels"] = array(labels, kind)
        return batch

    def _special(self, ids: np.ndarray) -> np.ndarray:
        rows = [self.tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True) for row in ids.tolist()]
        return np.array(rows, dtype=bool)

    def _hidden(self, ids: np.ndarray, special: np.ndarray, offsets: Any, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids (B, T) with some tokens hidden, and the labels (B, T)."""
        happens = self._torch_draws if kind == "pt" else self._numpy_draws
        words = _words(np.asarray(offsets), special) if self.whole_word_mask else None
        may_be = np.full(ids.shape, float(self.mlm_probability or 0))
        may_be[special if words is None else words[1]] = 0
        hidden = happens(may_be)
        if words is not None:
            hidden = _whole(words[0], hidden)
        labels = np.where(hidden, ids, -100)
        masked = happens(np.full(ids.shape, float(self.mask_replace_prob))) & hidden
        ids = np.where(masked, self.tokenizer.mask_token_id, ids)
        if self.mask_replace_prob == 1 or self.random_replace_prob == 0:
            return ids, labels
        rest = self.random_replace_prob / (1 - self.mask_replace_prob)
        other = happens(np.full(ids.shape, rest)) & hidden & ~masked
        if kind == "pt":
            ids[other] = torch.randint(len(self.tokenizer), ids.shape, generator=self.generator).numpy()[other]
        else:
            draw = np.random.randint if self.generator is None else self.generator.integers
            ids[other] = draw(0, len(self.tokenizer), size=np.count_nonzero(other), dtype=np.int64)
        return ids, labels

    def _torch_draws(self, probability: np.ndarray) -> np.ndarray:
        """Which of so probable events happen, (B, T)."""
        drawn = torch.bernoulli(torch.tensor(probability, dtype=torch.float32), generator=self.generator)
        return np.asarray(drawn.bool().numpy())

    def _numpy_draws(self, probability: np.ndarray) -> np.ndarray:
        draw = np.random.binomial if self.generator is None else self.generator.binomial
        return np.asarray(draw(1, probability, size=probability.shape).astype(bool))


def _generator(seed: int, kind: str) -> Any:
    """A generator of this process alone.

    Raises:
        ArgumentError: a process that no DataLoader started, whose draws would be those of the others.
    """
    worker = torch.utils.data.get_worker_info()
    if worker is None and multiprocessing.parent_process() is not None:
        raise ArgumentError("a collator with a seed runs in the main process, or in the workers of a torch DataLoader")
    own_seed = seed if worker is None else seed + worker.id
    return torch.Generator().manual_seed(own_seed) if kind == "pt" else np.random.default_rng(own_seed)


def _words(offsets: np.ndarray, special: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each token's word, -1 for special tokens, and whether it is not its word's first token, (B, T) each.

    A word begins where its characters do not follow those of the token before it, and after a special token.
    """
    starts, ends = offsets[..., 0], np.roll(offsets[..., 1], 1, axis=1)
    ends[:, 0] = -1
    after_special = np.roll(special, 1, axis=1)
    after_special[:, 0] = False
    first = ~special & ((starts != ends) | after_special)
    return np.where(special, -1, np.cumsum(first, axis=1)), ~first


def _whole(words: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Every token of the words of which one is hidden, (B, T)."""
    rows = [np.isin(row, row[drawn]) & (row != -1) for row, drawn in zip(words, hidden, strict=True)]
    return np.array(rows)
