"""The tokenizer of XLM-RoBERTa, CamemBERT and relatives: sentencepiece unigrams under the numbers that fairseq gave them."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from tokenizers import Tokenizer, processors

from ...core.errors import CorruptFile
from .converters import sentencepiece
from .tokenizer import PreTrainedTokenizerFast


class FairseqTokenizer(PreTrainedTokenizerFast):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`. Texts stand between `<s>` and `</s>`; between two are two `</s>`.

    Option: `add_prefix_space` (False: no ▁ before the words).

    Class attributes:
        first: roles of the tokens with the first numbers, or texts of such that have no role. They take the place of the
            first `replaced` tokens of the file.
        last: the same of the tokens behind those of the file.
        model_type: the kind of model that the file holds.

    A vocabulary in memory is numbered as it stands: tokens in a list with their scores, or those of a mapping to ids.
    """

    first: ClassVar[tuple[str, ...]] = ("bos_token", "pad_token", "eos_token", "unk_token")
    last: ClassVar[tuple[str, ...]] = ("mask_token",)
    without_files = (*first, *last)
    replaced: ClassVar[int] = 3
    model_type: ClassVar[int] = sentencepiece.UNIGRAM
    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "sentencepiece.bpe.model",
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
        "add_prefix_space": True,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces, those of a file renumbered.

        Raises:
            CorruptFile: a BPE model, or one that lacks the tokens at the ends of a text.
        """
        rust = sentencepiece.of_words(cls.numbered(vocab, merges, settings), bool(settings["add_prefix_space"]))
        bos, eos = str(settings["bos_token"]), str(settings["eos_token"])
        ends = sentencepiece.ends(rust, vocab, (bos, eos))
        rust.post_processor = processors.TemplateProcessing(
            single=[bos, "$A", eos], pair=[bos, "$A", eos, eos, "$B:0", eos], special_tokens=ends
        )
        return rust

    @classmethod
    def is_numbered(cls, vocab: Any, model: sentencepiece.Model) -> bool:
        """Whether the vocabulary, read as `model`, has the numbers of this class already."""
        return not isinstance(vocab, str | os.PathLike)

    @classmethod
    def numbered(cls, vocab: Any, merges: Any, settings: Mapping[str, Any]) -> sentencepiece.Model:
        """A vocabulary in memory as it stands, or the model in a file, its pieces between those of `first` and `last`.

        Raises:
            CorruptFile: a model of another kind.
        """
        cls.need(vocab)
        pairs = (merges or []) if cls.model_type == sentencepiece.BPE else None
        model = sentencepiece.read(vocab, pairs, str(settings["unk_token"]))
        if cls.is_numbered(vocab, model):
            model.byte_fallback = False
            return model
        kinds = {sentencepiece.UNIGRAM: "unigram", sentencepiece.BPE: "BPE"}
        if model.model_type != cls.model_type:
            raise CorruptFile(
                f"{vocab} is a {kinds[model.model_type]} model; {cls.__name__} uses a {kinds[cls.model_type]} model"
            )
        first, last = (
            [sentencepiece.Piece(str(settings.get(name, name)), kind=sentencepiece.CONTROL) for name in names]
            for names in (cls.first, cls.last)
        )
        model.pieces = first + model.pieces[cls.replaced :] + last
        model.unk_id = cls.first.index("unk_token")
        return model
