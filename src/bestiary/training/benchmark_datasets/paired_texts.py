"""Pairs of texts for the second task of BERT (does one follow the other?) and of ALBERT (which comes first?)."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...core.errors import FileMissing
from .text_files import read_text

Document = list[list[int]]


class _Pairs(Dataset[dict[str, Tensor]]):
    """Rows of `input_ids` (S), `token_type_ids` (S) and a label."""

    examples: list[dict[str, Tensor]]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return self.examples[i]


def _row(tokenizer: Any, first: list[int], second: list[int], **labels: bool) -> dict[str, Tensor]:
    around = tokenizer.build_inputs_with_special_tokens
    ids, begin = around(first, second), len(around(first))
    row = {"input_ids": torch.tensor(ids), "token_type_ids": (torch.arange(len(ids)) >= begin).long()}
    return row | {name: torch.tensor(int(value)) for name, value in labels.items()}


def _joined(lines: Document) -> list[int]:
    return [token for line in lines for token in line]


def _length(room: int, short: float) -> int:
    """Tokens that a pair aims at: `room`, or, with the probability `short`, fewer."""
    return random.randint(2, room) if random.random() < short else room


def _chunks(document: Document, wanted: int, back: list[int]) -> Iterator[tuple[Document, int]]:
    """Lines that follow each other, of so many tokens or a little more, and where they are divided.

    Args:
        back: a number put here is of lines that were not used; the next chunk begins with these.
    """
    place, chunk = 0, []
    while place < len(document):
        chunk.append(document[place])
        if place == len(document) - 1 or sum(map(len, chunk)) >= wanted:
            yield chunk, random.randint(1, len(chunk) - 1) if len(chunk) > 1 else 1
            place -= back.pop() if back else 0
            chunk = []
        place += 1


class TextDatasetForNextSentencePrediction(_Pairs):
    """Pairs of a file whose lines are sentences and whose empty lines part documents (Devlin et al. 2019, appendix A.1).

    `next_sentence_label` is 1 where the second text is of another document. Draws are of Python's `random`.

    Args:
        block_size: tokens that a pair aims at, special ones among them. overwrite_cache: of older scripts; nothing is kept.
        short_seq_probability: of a document whose pairs aim at fewer. nsp_probability: of a text of another document.

    Raises:
        FileMissing: it is not there.
    """

    def __init__(
        self,
        tokenizer: Any,
        file_path: str,
        block_size: int,
        overwrite_cache: bool = False,
        short_seq_probability: float = 0.1,
        nsp_probability: float = 0.5,
    ) -> None:
        self.tokenizer, self.nsp_probability = tokenizer, nsp_probability
        self.short_seq_probability = short_seq_probability
        parts = [[]]  # type: ignore[var-annotated]
        for line in map(str.strip, read_text(file_path).splitlines()):
            if not line and parts[-1]:
                parts.append([])
            elif ids := tokenizer.convert_tokens_to_ids(tokenizer.tokenize(line)):
                parts[-1].append(ids)
        self.documents: list[Document] = [part for part in parts if part]
        self.examples = []
        for index, document in enumerate(self.documents):
            self.create_examples_from_document(document, index, block_size)

    def create_examples_from_document(self, document: Document, doc_index: int, block_size: int) -> None:
        """Add the pairs of a document."""
        room = block_size - self.tokenizer.num_special_tokens_to_add(pair=True)
        wanted, back = _length(room, self.short_seq_probability), []  # type: ignore[var-annotated]
        for chunk, end in _chunks(document, wanted, back):
            first = _joined(chunk[:end])
            other = len(chunk) == 1 or random.random() < self.nsp_probability
            second = self._elsewhere(doc_index, wanted - len(first)) if other else _joined(chunk[end:])
            if other:
                back.append(len(chunk) - end)
            self.examples.append(_row(self.tokenizer, first, second, next_sentence_label=other))

    def _elsewhere(self, index: int, wanted: int) -> list[int]:
        """So many tokens, or a little more, of another document, if there is one."""
        for _ in range(10):
            other = random.randint(0, len(self.documents) - 1)
            if other != index:
                break
        lines, tokens = self.documents[other], []
        for line in lines[random.randint(0, len(lines) - 1) :]:
            tokens += line
            if len(tokens) >= wanted:
                break
        return tokens


class LineByLineWithSOPTextDataset(_Pairs):
    """Pairs of the files of a folder, whose lines between `<doc id=...>` and `</doc>` are a document after its title.

    `sentence_order_label` is 1 where the second text comes first (Lan et al. 2020). A line that is alone is paired with itself.
    Draws are of Python's `random`.

    Args:
        block_size: the most tokens of a pair, special ones among them.

    Raises:
        FileMissing: there is no such folder.
    """

    def __init__(self, tokenizer: Any, file_dir: str, block_size: int) -> None:
        if not Path(file_dir).is_dir():
            raise FileMissing(f"{file_dir} is not there; expected a folder of text files")
        self.examples = []
        for name in os.listdir(file_dir):
            article: list[str] | None = None
            for line in read_text(str(Path(file_dir) / name)).splitlines():
                if "<doc id=" in line:
                    article = []
                elif "</doc>" in line:
                    texts = [each for each in (article or [])[1:] if each.strip()]
                    document = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(each)) for each in texts]
                    self.examples += self.create_examples_from_document(document, block_size, tokenizer)
                    article = None
                elif article is not None:
                    article.append(line)

    def create_examples_from_document(
        self, document: Document, block_size: int, tokenizer: Any, short_seq_prob: float = 0.1
    ) -> list[dict[str, Tensor]]:
        """The pairs of a document."""
        room = block_size - tokenizer.num_special_tokens_to_add(pair=True)
        examples = []
        for chunk, end in _chunks(document, _length(room, short_seq_prob), []):
            if len(chunk) == 1:  # as older releases pair it
                chunk, end = [*chunk, *chunk], random.randint(1, 1)
            pair = [_joined(chunk[:end]), _joined(chunk[end:])]
            swapped = random.random() < 0.5
            first, second = pair[::-1] if swapped else pair
            while len(first) + len(second) > room:
                longer = first if len(first) > len(second) else second
                del longer[0 if random.random() < 0.5 else -1]
            examples.append(_row(tokenizer, first, second, sentence_order_label=swapped))
        return examples
