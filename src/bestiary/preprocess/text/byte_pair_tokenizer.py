"""The tokenizer of RoBERTa, BART and their relatives: GPT-2's byte pairs between `<s>` and `</s>`."""

from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import CorruptFile
from .converters import bpe
from .tokenizer import PreTrainedTokenizerFast


class BytePairTokenizer(PreTrainedTokenizerFast):
    """Opens `vocab.json` with `merges.txt`, and `tokenizer.json`. Between two texts stand two `</s>`.

    Options: `add_prefix_space` (treat the first word like every other); `trim_offsets` (offsets leave spaces out).
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    without_files = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
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
        """Byte-level BPE from the two files, or from a mapping and a list of merges.

        Raises:
            CorruptFile: the vocabulary lacks the token in front of a text or the one behind it.
        """
        cls.need(vocab)
        table, pairs = bpe.read(vocab, merges)
        space, trim = bool(settings["add_prefix_space"]), bool(settings["trim_offsets"])
        rust = bpe.byte_level(table, pairs, add_prefix_space=space)
        ends = str(settings["sep_token"]), str(settings["cls_token"])
        for token in ends:
            if token not in table:
                raise CorruptFile(
                    f"the vocabulary of {len(table)} tokens lacks {token!r}, which {cls.__name__} puts around texts"
                )
        sep, first = ((token, table[token]) for token in ends)
        rust.post_processor = processors.RobertaProcessing(sep, first, trim_offsets=trim, add_prefix_space=space)
        return rust
