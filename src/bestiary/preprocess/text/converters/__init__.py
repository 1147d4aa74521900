"""Vocabulary files of older formats become a Rust tokenizer. One file per format.

Each reader gives plain data and checks it; each builder puts the parts together by values that the family passes.
"""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from . import bpe, sentencepiece, tiktoken, wordpiece


def guess(vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
    """Build by the form of the file alone, for a tokenizer whose family is not known.

    A `.json` vocabulary with merges is GPT-2's byte-level BPE, a `.txt` is BERT's WordPiece, and other files are ranks of
    tiktoken or a sentencepiece model, which are told apart by their content.

    Raises:
        CorruptFile: the content is none of these.
    """
    if merges is not None or isinstance(vocab, dict) or Path(vocab).suffix == ".json":
        return bpe.byte_level(*bpe.read(vocab, merges), add_prefix_space=bool(settings.get("add_prefix_space")))
    if Path(vocab).suffix == ".txt":
        return wordpiece.bert(wordpiece.read(vocab))
    if tiktoken.is_ranks(vocab):
        return tiktoken.build(tiktoken.read(vocab))
    return sentencepiece.build(sentencepiece.read(vocab), settings)
