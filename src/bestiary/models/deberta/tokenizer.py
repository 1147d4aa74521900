"""DeBERTa's tokenizer: GPT-2's byte pairs between BERT's tokens."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import CorruptFile
from ...preprocess.text.converters import bpe
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class DebertaTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`. Between two texts stand two `[SEP]`.

    Option: `add_prefix_space` (treat the first word like every other).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ("input_ids", "attention_mask", "token_type_ids")
    without_files = ("unk_token", "cls_token", "sep_token", "pad_token", "mask_token")
    defaults: ClassVar[dict[str, Any]] = {
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "sep_token": "[SEP]",
        "cls_token": "[CLS]",
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "mask_token": "[MASK]",
        "add_prefix_space": False,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Byte-level BPE from the two files, or from a mapping and a list of merges.

        Raises:
            CorruptFile: the vocabulary lacks the token in front of a text or the one behind it.
        """
        cls.need(vocab)
        table, pairs = bpe.read(vocab, merges)
        rust = bpe.byte_level(table, pairs, add_prefix_space=bool(settings["add_prefix_space"]))
        first, last = str(settings["cls_token"]), str(settings["sep_token"])
        if not {first, last} <= table.keys():
            raise CorruptFile(f"the vocabulary of {len(table)} tokens lacks {first!r} or {last!r}, which stand around texts")
        rust.post_processor = processors.TemplateProcessing(
            single=[first, "$A", last],
            pair=[first, "$A", last, last, "$B:0", last],
            special_tokens=[(first, table[first]), (last, table[last])],
        )
        return rust


DebertaTokenizerFast = DebertaTokenizer
