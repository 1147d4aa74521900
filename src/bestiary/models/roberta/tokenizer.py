"""RoBERTa's tokenizer: GPT-2's byte pairs between `<s>` and `</s>`, and two of the latter between two texts."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import CorruptFile
from ...preprocess.text.converters import bpe
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class RobertaTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`.

    Options: `add_prefix_space` (treat the first word like every other); `trim_offsets` (offsets leave spaces out).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    defaults: ClassVar[dict[str, Any]] = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "add_prefix_space": False,
        "trim_offsets": True,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges."""
        cls.need(vocab)
        table, pairs = bpe.read(vocab, merges)
        space, trim = bool(settings["add_prefix_space"]), bool(settings["trim_offsets"])
        rust = bpe.byte_level(table, pairs, add_prefix_space=space)
        cls_token, sep_token = str(settings["cls_token"]), str(settings["sep_token"])
        for token in (cls_token, sep_token):
            if token not in table:
                raise CorruptFile(f"the vocabulary of {len(table)} tokens lacks {token!r}; it is no vocabulary of RoBERTa")
        rust.post_processor = processors.RobertaProcessing(
            (sep_token, table[sep_token]), (cls_token, table[cls_token]), trim_offsets=trim, add_prefix_space=space
        )
        return rust


RobertaTokenizerFast = RobertaTokenizer
