"""`DataCollatorForPermutationLanguageModeling`: spans to predict, and an order in which tokens are seen (Yang et al. 2019)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from .collator import Collator, array


@dataclass
class DataCollatorForPermutationLanguageModeling(Collator):
    """Batches for XLNet: `input_ids` (B, T) with spans hidden, `labels` (B, T) of these, -100 elsewhere.

    `perm_mask` (B, T, T) is 1 where a token does not see another: one that comes later in an order drawn anew for each row.
    `target_mapping` (B, T, T) is 1 where an output is of a place, which is its own.

    A row is gone through in pieces: of each, a span of 1 to `max_span_length` tokens is hidden, somewhere in
    `span / plm_probability` tokens.

    Args:
        tokenizer: pads; its special tokens are never hidden. plm_probability: the share of tokens that are hidden.
        max_span_length: tokens of the longest span. return_tensors: "pt" or "np".

    Raises:
        ArgumentError: the tokenizer has no mask token. InputError (in a call): the padded rows have an odd length.
    """

    tokenizer: Any
    plm_probability: float = 1 / 6
    max_span_length: int = 5
    return_tensors: str = "pt"

    def __post_init__(self) -> None:
        if not 0 < self.plm_probability <= 1:
            raise ArgumentError(f"plm_probability is {self.plm_probability}; expected more than 0, at most 1")

    def collate(self, features: list[Any], kind: str) -> dict[str, Any]:
        """The batch of examples, which are mappings, or rows of ids."""
        rows = [{"input_ids": each["input_ids"] if isinstance(each, Mapping) else each} for each in features]
        ids = self.tokenizer.pad(rows, return_attention_mask=False, return_tensors=kind)["input_ids"]
        names = ("input_ids", "perm_mask", "target_mapping", "labels")
        return dict(zip(names, (self.torch_mask_tokens if kind == "pt" else self.numpy_mask_tokens)(ids), strict=True))

    def torch_mask_tokens(self, inputs: Any) -> tuple[Any, Any, Any, Any]:
        """The ids (B, T) with spans hidden, `perm_mask`, `target_mapping` and labels, as tensors; a subclass may hide more."""
        return self._hide(inputs, "pt")

    def numpy_mask_tokens(self, inputs: Any) -> tuple[Any, Any, Any, Any]:
        """The same as arrays."""
        return self._hide(inputs, "np")

    def _hide(self, inputs: Any, kind: str) -> tuple[Any, Any, Any, Any]:
        if self.tokenizer.mask_token is None:
            raise ArgumentError("the tokenizer has no mask token, which stands in the place of what is to be predicted")
        ids = np.asarray(inputs)
        length = ids.shape[1]
        if length % 2:
            raise InputError(
                f"rows are padded to {length} tokens, an odd number, and an order is drawn of halves; cut or pad texts to an"
                " even length (padding='max_length')"
            )
        hidden = self._spans(ids.shape, _torch_number if kind == "pt" else _numpy_number)
        special = [self.tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True) for row in ids.tolist()]
        words = ~np.array(special, dtype=bool)
        if self.tokenizer.pad_token_id is not None:
            words &= ids != self.tokenizer.pad_token_id
        hidden &= words
        seen_early = words & ~hidden  # special tokens and padding are seen by none that is hidden, but see as these do
        blind = np.zeros((*ids.shape, length), dtype=np.float32)
        for row, (wanted, early) in enumerate(zip(hidden, seen_early, strict=True)):
            order = np.where(early, -1, _order(length, _torch_shuffled if kind == "pt" else _numpy_shuffled))
            blind[row] = (order[:, None] <= order) & wanted
        places = np.broadcast_to(np.eye(length, dtype=np.float32), blind.shape)
        labels = np.where(hidden, ids, -100)
        hidden_ids = np.where(hidden, self.tokenizer.mask_token_id, ids)
        return array(hidden_ids, kind), array(blind, kind), array(places, kind), array(labels, kind)

    def _spans(self, shape: tuple[int, int], draw: Callable[[int], int]) -> np.ndarray:
        """(B, T), True in spans; `draw(n)` gives a number below n."""
        hidden = np.zeros(shape, dtype=bool)
        for row in hidden:
            begin = 0
            while begin < len(row):
                span = 1 + draw(self.max_span_length)
                piece = int(span / self.plm_probability)
                first = begin + draw(piece - span + 1)
                row[first : first + span] = True
                begin += piece
        return hidden


def _order(length: int, shuffled: Callable[[int], np.ndarray]) -> np.ndarray:
    """The rank of each place (T): halves of a row are drawn in one order, those of the first before the second's."""
    half = length // 2
    return (np.arange(length).reshape(2, half)[:, shuffled(half)]).flatten()


def _torch_number(below: int) -> int:
    return int(torch.randint(below, (1,)))


def _numpy_number(below: int) -> int:
    return int(np.random.randint(below))


def _torch_shuffled(count: int) -> np.ndarray:
    return torch.randperm(count).numpy()


def _numpy_shuffled(count: int) -> np.ndarray:
    order = np.arange(count)
    np.random.shuffle(order)
    return order
