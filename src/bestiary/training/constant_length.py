"""`ConstantLengthDataset`: a stream of texts as rows of one length, without padding."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset

from ..core.errors import ArgumentError
from ..core.logging import get_logger

logger = get_logger(__name__)


class ConstantLengthDataset(IterableDataset[dict[str, torch.Tensor]]):
    """Texts read into a buffer, tokenized, joined with a token between them, and cut to rows of `seq_length`.

    What is left at the end of a buffer begins the next one, so that no token is lost but those of the very last row, if it is
    not full.

    Args:
        tokenizer: of the texts. dataset: gives examples, by `for`.
        dataset_text_field: the column of the text. formatting_func: example -> text, instead.
        infinite: begin again at the end; `current_size` and `epoch` tell how far it is.
        seq_length: tokens of a row. num_of_sequences, chars_per_token: the buffer holds about so many rows of texts.
        eos_token_id: what stands behind each text where the tokenizer has no end token. shuffle: rows of a buffer, by `random`.
        append_concat_token: put a token behind each text. add_special_tokens: those of the tokenizer.

    Raises:
        ArgumentError: neither a column nor a function says where the text is.
    """

    def __init__(
        self,
        tokenizer: Any,
        dataset: Any,
        dataset_text_field: str | None = None,
        formatting_func: Callable[[Any], str] | None = None,
        infinite: bool = False,
        seq_length: int = 1024,
        num_of_sequences: int = 1024,
        chars_per_token: float = 3.6,
        eos_token_id: int = 0,
        shuffle: bool = True,
        append_concat_token: bool = True,
        add_special_tokens: bool = True,
    ) -> None:
        if formatting_func is None and dataset_text_field is None:
            raise ArgumentError("pass dataset_text_field, the column of the text, or formatting_func, which makes one")
        if seq_length < 1:
            raise ArgumentError(f"seq_length is {seq_length}; expected at least 1 token")
        self.tokenizer, self.dataset, self.infinite, self.seq_length = tokenizer, dataset, infinite, seq_length
        end = tokenizer.eos_token_id
        self.concat_token_id = eos_token_id if end is None else end
        self.max_buffer_size = seq_length * chars_per_token * num_of_sequences
        self.shuffle, self.append_concat_token, self.add_special_tokens = shuffle, append_concat_token, add_special_tokens
        self.formatting_func = formatting_func or (lambda example: example[dataset_text_field])
        self.current_size = self.epoch = 0

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        left: list[int] = []
        for texts in self._buffers():
            for ids in self.tokenizer(texts, add_special_tokens=self.add_special_tokens, truncation=False)["input_ids"]:
                left += [*ids, self.concat_token_id] if self.append_concat_token else ids
            end = len(left) // self.seq_length * self.seq_length
            rows = [left[begin : begin + self.seq_length] for begin in range(0, end, self.seq_length)]
            left = left[end:]
            if self.shuffle:
                random.shuffle(rows)
            for row in rows:
                self.current_size += 1
                yield {"input_ids": torch.tensor(row), "labels": torch.tensor(row)}

    def _buffers(self) -> Iterator[list[str]]:
        """Lists of texts, each as many as the buffer holds."""
        texts, size = [], 0
        while True:
            has_rows = False
            for example in self.dataset:
                has_rows = True
                text = self.formatting_func(example)
                texts.append(text)
                size += len(text)
                if size >= self.max_buffer_size:
                    yield texts
                    texts, size = [], 0
            if not (self.infinite and has_rows):
                break
            self.epoch += 1
        if texts:
            yield texts
