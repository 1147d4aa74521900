"""`DataCollatorForLanguageModeling`: labels for texts themselves, which tokens are hidden for masked language models."""

import multiprocessing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...core.errors import ArgumentError
from .collator import Collator, array, padded
from .words import words_of


@dataclass
class DataCollatorForLanguageModeling(Collator):
    """Pads texts and makes their labels; -100 is where no loss is computed.

    Causal (`mlm=False`): every token but padding is a label, also an end token that is the padding token too: what is padding,
    the attention mask of the examples says; where they have none, it is what stands at the end that is padded.

    Masked (Devlin et al. 2019): `mlm_probability` of the tokens that are not special are labels; of these,
    `mask_replace_prob` become the mask token, `random_replace_prob` any token, and the rest stays.

    Args:
        tokenizer: pads; its special tokens are never hidden.
        whole_word_mask: hide all tokens of a word or none. Words are told by the column `word_ids`, by `offset_mapping`, or by
            the signs at their tokens (those of WordPiece, byte-level BPE, SentencePiece).
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
            self.create_rng(kind)
        features, numbers = _without_word_ids(features)
        padding = {"pad_to_multiple_of": self.pad_to_multiple_of, "return_tensors": kind}
        if isinstance(features[0], Mapping):
            batch = self.tokenizer.pad(features, **padding)
        else:
            rows = [{"input_ids": row} for row in features]
            batch = {"input_ids": self.tokenizer.pad(rows, return_attention_mask=False, **padding)["input_ids"]}
        special, offsets = batch.pop("special_tokens_mask", None), batch.pop("offset_mapping", None)
        ids = np.asarray(batch["input_ids"])
        if self.mlm:
            mask = self.torch_mask_tokens if kind == "pt" else self.numpy_mask_tokens
            options = {"special_tokens_mask": special, "offset_mapping": offsets}
            if numbers is not None:
                options["word_ids"] = padded(numbers, ids.shape[1], None, self.tokenizer.padding_side)
            batch["input_ids"], batch["labels"] = mask(batch["input_ids"], **options)
        else:
            batch["labels"] = array(np.where(self._padding(features, batch, ids), -100, ids), kind)
        return batch

    def torch_mask_tokens(
        self, inputs: Any, special_tokens_mask: Any = None, offset_mapping: Any = None, word_ids: Any = None
    ) -> tuple[Any, Any]:
        """The ids (B, T) with some tokens hidden, and the labels (B, T), as tensors. A subclass may hide others.

        Args:
            special_tokens_mask: (B, T), 1 for tokens that stay; by default the tokenizer's special ones.
            offset_mapping, word_ids: what tells words apart, where these are hidden whole.
        """
        return self._hide(inputs, special_tokens_mask, offset_mapping, word_ids, "pt")

    def numpy_mask_tokens(
        self, inputs: Any, special_tokens_mask: Any = None, offset_mapping: Any = None, word_ids: Any = None
    ) -> tuple[Any, Any]:
        """The same as arrays."""
        return self._hide(inputs, special_tokens_mask, offset_mapping, word_ids, "np")

    def _hide(self, inputs: Any, special: Any, offsets: Any, numbers: Any, kind: str) -> tuple[Any, Any]:
        ids = np.asarray(inputs)
        stays = self._special(ids) if special is None else np.asarray(special, dtype=bool)
        ids, labels = self._hidden(ids, stays, offsets, numbers, kind)
        return array(ids, kind), array(labels, kind)

    def create_rng(self, kind: str | None = None) -> None:
        """Begin the draws of `seed`, of torch or NumPy as `return_tensors`, or a `kind` like it, says; in a worker its own.

        Raises:
            ArgumentError: a process that no DataLoader started, whose draws would be those of the others.
        """
        self.generator = _generator(int(self.seed or 0), self.return_tensors if kind is None else kind)

    def _padding(self, features: list[Any], batch: Mapping[str, Any], ids: np.ndarray) -> np.ndarray:
        """(B, T), True where a token is padding."""
        if isinstance(features[0], Mapping) and "attention_mask" in features[0]:
            return ~np.asarray(batch["attention_mask"], dtype=bool)
        pad, at_end = self.tokenizer.pad_token_id, self.tokenizer.padding_side == "right"
        outward = (ids == pad)[:, ::-1] if at_end else ids == pad
        padding = np.logical_and.accumulate(outward, axis=1)
        if at_end and pad == self.tokenizer.eos_token_id:
            lengths = [len(each["input_ids"] if isinstance(each, Mapping) else each) for each in features]
            in_row = np.arange(ids.shape[1])[::-1] < np.array(lengths)[:, None]
            padding &= ~in_row | np.roll(padding, -1, axis=1)  # the innermost of the row's own is the end token
        padding = padding[:, ::-1] if at_end else padding
        if pad in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            return padding
        return np.asarray(padding | np.logical_and.accumulate(ids == pad, axis=1))

    def _special(self, ids: np.ndarray) -> np.ndarray:
        rows = [self.tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True) for row in ids.tolist()]
        return np.array(rows, dtype=bool)

    def _hidden(
        self, ids: np.ndarray, special: np.ndarray, offsets: Any, numbers: Any, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids (B, T) with some tokens hidden, and the labels (B, T)."""
        happens = self._torch_draws if kind == "pt" else self._numpy_draws
        words = words_of(ids, special, self.tokenizer, offsets, numbers) if self.whole_word_mask else None
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


def _without_word_ids(features: list[Any]) -> tuple[list[Any], Any]:
    """The examples without their numbers of words, and these."""
    if not isinstance(features[0], Mapping) or "word_ids" not in features[0]:
        return features, None
    numbers = [list(each["word_ids"]) for each in features]
    return [{name: value for name, value in each.items() if name != "word_ids"} for each in features], numbers


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


def _whole(words: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Every token of the words of which one is hidden, (B, T)."""
    rows = [np.isin(row, row[drawn]) & (row != -1) for row, drawn in zip(words, hidden, strict=True)]
    return np.array(rows)
