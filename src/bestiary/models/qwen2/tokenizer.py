"""Qwen 2's tokenizer: byte pairs over texts in Unicode's NFC, split as for Llama 3, but each digit for itself."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers

from ...preprocess.text.converters import bpe, tiktoken
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast

PATTERN = tiktoken.PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")


class Qwen2Tokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ("unk_token",)
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<|endoftext|>",
        "bos_token": None,
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "add_prefix_space": None,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        rust = bpe.byte_level(*bpe.read(vocab, merges))
        rust.normalizer = normalizers.NFC()
        rust.pre_tokenizer = bpe.split_bytes(PATTERN, bool(settings["add_prefix_space"]))
        return rust


Qwen2TokenizerFast = Qwen2Tokenizer
