"""GPT-2's tokenizer: byte-pair encoding over bytes, so that every text can be encoded and comes back unchanged."""

from typing import Any, ClassVar

from tokenizers import Tokenizer

from ...preprocess.text.converters import bpe
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class GPT2Tokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `add_bos_token`, `add_eos_token`.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ("unk_token",)
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<|endoftext|>",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "add_prefix_space": False,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        return bpe.byte_level(*bpe.read(vocab, merges), add_prefix_space=bool(settings["add_prefix_space"]))


GPT2TokenizerFast = GPT2Tokenizer
