"""Texts that Transformer-XL is trained with, as batches whose rows go on in the next batch."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pickle import UnpicklingError
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ArgumentError, CorruptFile, InputError
from ...hub.files import HubOptions, get_file
from .tokenizer import TransfoXLTokenizer

Batch = tuple[Tensor, Tensor, int]
_NOTHING = -1  # where a row has no token


class LMOrderedIterator:
    """Batches of one text of ids (N,): each row is a part of it, and batches follow each other.

    Gives tokens (B, T), those after them (B, T), and T. Args: `bsz`, B; `bptt`, the usual T; `ext_len`, how many earlier tokens
    stand before those of a batch.
    """

    def __init__(self, data: Tensor, bsz: int, bptt: int, device: Any = "cpu", ext_len: int | None = None) -> None:
        self.bsz, self.bptt, self.ext_len, self.device = bsz, bptt, ext_len or 0, device
        self.n_step = data.shape[0] // bsz
        self.data = data[: self.n_step * bsz].view(bsz, -1).t().contiguous().to(device)
        self.n_batch = -(-self.n_step // bptt)

    def get_batch(self, i: int, bptt: int | None = None) -> Batch:
        """The batch whose first tokens are the ones numbered `i` in each row."""
        length = min(self.bptt if bptt is None else bptt, self.data.shape[0] - 1 - i)
        tokens, after = self.data[max(0, i - self.ext_len) : i + length], self.data[i + 1 : i + 1 + length]
        return tokens.t().contiguous(), after.t().contiguous(), length

    def get_fixlen_iter(self, start: int = 0) -> Iterator[Batch]:
        """Batches of `bptt` tokens."""
        for begin in range(start, self.data.shape[0] - 1, self.bptt):
            yield self.get_batch(begin)

    def get_varlen_iter(self, start: int = 0, std: int = 5, min_len: int = 5, max_deviation: int = 3) -> Iterator[Batch]:
        """Batches of lengths drawn around `bptt`, and now and then around its half."""
        begin = start
        while True:
            usual = self.bptt if np.random.random() < 0.95 else self.bptt / 2
            drawn = max(min_len, int(np.random.normal(usual, std)))
            batch = self.get_batch(begin, min(self.bptt + max_deviation * std, drawn))
            yield batch
            begin += batch[2]
            if begin >= self.data.shape[0] - 2:
                return

    def __iter__(self) -> Iterator[Batch]:
        return self.get_fixlen_iter()


class LMShuffledIterator:
    """Batches of many texts of ids, in each row one after another; `shuffle` changes their order. See `LMOrderedIterator`.

    Where the texts end before the rows of a batch are full, that batch is left out.
    """

    def __init__(
        self, data: Any, bsz: int, bptt: int, device: Any = "cpu", ext_len: int | None = None, shuffle: bool = False
    ) -> None:
        self.data, self.shuffle = data, shuffle
        self.bsz, self.bptt, self.ext_len, self.device = bsz, bptt, ext_len or 0, device

    def in_order(self, texts: Sequence[Tensor]) -> Iterator[Tensor]:
        """The texts, perhaps in an order that is drawn."""
        order = np.random.permutation(len(texts)) if self.shuffle else range(len(texts))
        return (texts[index] for index in order)

    def get_sent_stream(self) -> Iterator[Tensor]:
        """The texts, one after another."""
        return self.in_order(self.data)

    def stream_iterator(self, sent_stream: Iterator[Tensor]) -> Iterator[Batch]:
        """The batches of these texts."""
        rows: list[Tensor] = [torch.zeros(0, dtype=torch.long)] * self.bsz
        earlier = torch.zeros(self.bsz, 0, dtype=torch.long)
        while True:
            tokens, after = (torch.full((self.bsz, self.bptt), _NOTHING) for _ in range(2))
            for row in range(self.bsz):
                full = 0
                while full < self.bptt:
                    if len(rows[row]) <= 1:
                        text = next(sent_stream, None)
                        if text is None:
                            return
                        rows[row] = text
                    new = min(len(rows[row]) - 1, self.bptt - full)
                    tokens[row, full : full + new] = rows[row][:new]
                    after[row, full : full + new] = rows[row][1 : new + 1]
                    rows[row], full = rows[row][new:], full + new
            tokens = torch.cat([earlier, tokens], dim=1)
            yield tokens.to(self.device), after.to(self.device), self.bptt
            earlier = tokens[:, max(tokens.shape[1] - self.ext_len, 0) :]

    def __iter__(self) -> Iterator[Batch]:
        yield from self.stream_iterator(self.get_sent_stream())


class LMMultiFileIterator(LMShuffledIterator):
    """The same for the lines of files, which are encoded by the tokenizer `vocab` when their turn comes."""

    def __init__(
        self,
        paths: list[str],
        vocab: TransfoXLTokenizer,
        bsz: int,
        bptt: int,
        device: Any = "cpu",
        ext_len: int | None = None,
        shuffle: bool = False,
    ) -> None:
        super().__init__(None, bsz, bptt, device, ext_len, shuffle)
        self.paths, self.vocab = paths, vocab

    def get_sent_stream(self, path: str) -> Iterator[Tensor]:  # type: ignore[override]
        """The lines of a file, `<S>` on both sides of each."""
        return self.in_order(self.vocab.encode_file(path, add_double_eos=True))

    def __iter__(self) -> Iterator[Batch]:
        if self.shuffle:
            np.random.shuffle(self.paths)
        for path in self.paths:
            yield from self.stream_iterator(self.get_sent_stream(path))


class TransfoXLCorpus:
    """A data set of the paper, as ids: `train`, `valid`, `test`; its words are those of the tokenizer `vocab`.

    Args:
        options: those of `TransfoXLTokenizer`.
    """

    # Data set -> the files whose words are counted, and whether lines end with <eos>; "lm1b" has a vocabulary of its own.
    _COUNTED: ClassVar[dict[str, tuple[tuple[str, ...], bool]]] = {
        "ptb": (("train", "valid", "test"), True),
        "wt2": (("train", "valid", "test"), True),
        "wt103": (("train",), True),
        "enwik8": (("train", "valid", "test"), False),
        "text8": (("train", "valid", "test"), False),
        "lm1b": ((), True),
    }
    _LM1B = ("1-billion-word-language-modeling-benchmark-r13output", "training-monolingual.tokenized.shuffled", "news.en-*")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.vocab = TransfoXLTokenizer(*args, **options)
        self.dataset: str | None = None
        self.train: Any = None
        self.valid: Any = None
        self.test: Any = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, cache_dir: str | None = None, **options: Any) -> Any:
        """The corpus in a folder's `corpus.bin`, of torch, with the tokenizer of that folder.

        Raises:
            CorruptFile: the file holds no such thing, or more than numbers and texts.
        """
        corpus = cls.__new__(cls)
        corpus.vocab = TransfoXLTokenizer.from_pretrained(pretrained_model_name_or_path, cache_dir=cache_dir, **options)
        path = get_file(pretrained_model_name_or_path, "corpus.bin", HubOptions(cache_dir=cache_dir))
        try:
            stored = torch.load(path, weights_only=True)
            corpus.dataset = stored["dataset"]
            parts = {name: stored[name] for name in ("train", "valid", "test")}
            tensors = {name: None if ids is None else torch.as_tensor(ids).long() for name, ids in parts.items()}
        except (UnpicklingError, RuntimeError, LookupError, TypeError, ValueError, EOFError) as error:
            raise CorruptFile(f"{path} holds no corpus, or more than numbers and texts: {error}") from error
        corpus.train, corpus.valid, corpus.test = tensors.values()
        return corpus

    def build_corpus(self, path: str, dataset: str) -> None:
        """Count the words of a data set's files in the folder `path`, and encode them.

        Raises:
            ArgumentError: another data set than those of the paper.
        """
        if dataset not in self._COUNTED:
            raise ArgumentError(f"dataset is {dataset!r:.60}; expected one of {', '.join(self._COUNTED)}")
        self.dataset = dataset
        counted, add_eos = self._COUNTED[dataset]
        for name in counted:
            self.vocab.count_file(os.path.join(path, f"{name}.txt"))
        self.vocab.build_vocab()
        several = dataset == "lm1b"
        options = {"ordered": not several, "add_eos": add_eos, "add_double_eos": several}
        files = {name: os.path.join(path, f"{name}.txt") for name in ("train", "valid", "test")}
        self.train = (
            glob.glob(os.path.join(path, *self._LM1B)) if several else self.vocab.encode_file(files["train"], **options)
        )
        self.valid, self.test = (self.vocab.encode_file(files[name], **options) for name in ("valid", "test"))

    def get_iterator(self, split: str, *args: Any, **options: Any) -> Iterable[Batch]:
        """Batches of "train", "valid" or "test"; the arguments are those of the iterators, behind their first.

        Raises:
            ArgumentError: another part. InputError: nothing was read yet.
        """
        if split not in ("train", "valid", "test"):
            raise ArgumentError(f"split is {split!r:.60}; expected 'train', 'valid' or 'test'")
        data = {"train": self.train, "valid": self.valid, "test": self.test}[split]
        if data is None:
            raise InputError(f"this corpus has no {split!r} part; call build_corpus first")
        if self.dataset != "lm1b":
            return LMOrderedIterator(data, *args, **options)
        if split == "train":
            return LMMultiFileIterator(data, self.vocab, *args, **{**options, "shuffle": True})
        return LMShuffledIterator(data, *args, **options)
