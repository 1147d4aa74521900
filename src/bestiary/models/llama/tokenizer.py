"""Llama's tokenizers: sentencepiece BPE with bytes for unknown characters (1 and 2), byte-level BPE from tiktoken (3)."""

import os
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken, Tokenizer

from ...preprocess.text.converters import sentencepiece, tiktoken
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast

# Llama 3 publishes its ranks without the 256 special tokens that follow them.
LLAMA3_RANKS = 128_000
LLAMA3_SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(4)),
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|reserved_special_token_4|>",
    "<|eot_id|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(5, 251)),
)


class LlamaTokenizer(PreTrainedTokenizerFast):
    """Opens `tokenizer.model` (sentencepiece or tiktoken, told apart by content) and `tokenizer.json`.

    Options: `add_bos_token`, `add_eos_token`; `add_prefix_space` (None: as the file says); `legacy` (True: a space also
    after each special token).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": ("tokenizer.model", "tiktoken.model"),
        "tokenizer_file": "tokenizer.json",
    }
    padding_side = "left"
    without_files = ("unk_token", "bos_token", "eos_token")
    defaults: ClassVar[dict[str, Any]] = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "legacy": False}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Sentencepiece or tiktoken, by the content of the file."""
        cls.need(vocab)
        if not isinstance(vocab, str | os.PathLike) or not Path(vocab).is_file() or not tiktoken.is_ranks(vocab):
            model = sentencepiece.read(vocab, merges or [])
            # Llama keeps every space, whatever the file says of removing them.
            model.remove_extra_whitespaces = False
            return sentencepiece.build(model, settings)
        ranks = tiktoken.read(vocab)
        rust = tiktoken.build(ranks)
        for role in ("unk_token", "bos_token", "eos_token"):
            if settings[role] == cls.defaults[role]:
                settings[role] = None
        if len(ranks) == LLAMA3_RANKS:
            rust.add_tokens([AddedToken(token, special=True, normalized=False) for token in LLAMA3_SPECIAL])
            settings.update(
                bos_token=settings["bos_token"] or LLAMA3_SPECIAL[0], eos_token=settings["eos_token"] or LLAMA3_SPECIAL[1]
            )
            settings.setdefault("add_bos_token", True)
        return rust


LlamaTokenizerFast = LlamaTokenizer
