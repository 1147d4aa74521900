"""Gemma's tokenizer: sentencepiece BPE with bytes for unknown characters; no space is put before a text."""

from typing import Any, ClassVar

from tokenizers import Tokenizer

from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class GemmaTokenizer(PreTrainedTokenizerFast):
    """Opens `tokenizer.model` and `tokenizer.json`.

    Options: `add_bos_token` (published files set it), `add_eos_token`.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "tokenizer.model",
        "tokenizer_file": "tokenizer.json",
    }
    padding_side = "left"
    without_files = ("pad_token", "eos_token", "bos_token", "unk_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "unk_token": "<unk>",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """From a sentencepiece file."""
        cls.need(vocab)
        model = sentencepiece.read(vocab, merges or [])
        model.remove_extra_whitespaces = model.add_dummy_prefix = False
        return sentencepiece.build(model, settings)


GemmaTokenizerFast = GemmaTokenizer
