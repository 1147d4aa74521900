"""Text files as rows of tokens, for language models."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...core.errors import ArgumentError, FileMissing


def read_text(file_path: str) -> str:
    """The text of a file.

    Raises:
        FileMissing: it is not there.
    """
    if not Path(file_path).is_file():
        raise FileMissing(f"{file_path} is not there; expected a text file")
    return Path(file_path).read_text(encoding="utf-8")


class TextDataset(Dataset[Tensor]):
    """A file cut into rows of `block_size` tokens (S), special ones among them; what is left at its end is dropped.

    Args:
        overwrite_cache, cache_dir: of older scripts; nothing is kept on disk.

    Raises:
        FileMissing: it is not there. ArgumentError: a row has no room for text.
    """

    def __init__(
        self,
        tokenizer: Any,
        file_path: str,
        block_size: int,
        overwrite_cache: bool = False,
        cache_dir: str | None = None,
    ) -> None:
        room = block_size - tokenizer.num_special_tokens_to_add(pair=False)
        if room < 1:
            raise ArgumentError(f"block_size is {block_size}, which leaves {room} tokens for text; expected a larger one")
        ids = tokenizer(read_text(file_path), add_special_tokens=False, verbose=False)["input_ids"]
        around = tokenizer.build_inputs_with_special_tokens
        self.examples = [around(ids[start : start + room]) for start in range(0, len(ids) - room + 1, room)]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> Tensor:
        return torch.tensor(self.examples[i], dtype=torch.long)


class LineByLineTextDataset(Dataset[dict[str, Tensor]]):
    """The lines of a file that hold something, each as `input_ids` (S), cut to `block_size`.

    Raises:
        FileMissing: it is not there.
    """

    def __init__(self, tokenizer: Any, file_path: str, block_size: int) -> None:
        lines = [line for line in read_text(file_path).splitlines() if line.strip()]
        rows = tokenizer(lines, add_special_tokens=True, truncation=True, max_length=block_size)["input_ids"] if lines else []
        self.examples = [{"input_ids": torch.tensor(ids, dtype=torch.long)} for ids in rows]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return self.examples[i]


class LineByLineWithRefDataset(LineByLineTextDataset):
    """The same, with `chinese_ref` of each line: which of its tokens go on with a word, a JSON list a line in another file.

    Raises:
        FileMissing: one of the files is not there. ArgumentError: they have other numbers of lines.
    """

    def __init__(self, tokenizer: Any, file_path: str, block_size: int, ref_path: str) -> None:
        super().__init__(tokenizer, file_path, block_size)
        refs = [json.loads(line) for line in read_text(ref_path).splitlines() if line.strip()]
        if len(refs) != len(self.examples):
            raise ArgumentError(f"{file_path} has {len(self.examples)} lines, {ref_path} {len(refs)}; expected one of each")
        for row, ref in zip(self.examples, refs, strict=True):
            row["chinese_ref"] = torch.tensor(ref)
