"""The tokenizer of XLM-RoBERTa, CamemBERT and relatives: sentencepiece unigrams under the numbers that fairseq gave them."""

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
    """

    first: ClassVar[tuple[str, ...]] = ("bos_token", "pad_token", "eos_token", "unk_token")
    last: ClassVar[tuple[str, ...]] = ("mask_token",)
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
        """Unigram pieces from the file, renumbered.

        Raises:
            CorruptFile: a BPE model, or one that lacks the tokens at the ends of a text.
        """
        rust = sentencepiece.of_words(cls.renumbered(vocab, settings), bool(settings["add_prefix_space"]))
        bos, eos = str(settings["bos_token"]), str(settings["eos_token"])
        ends = [(token, rust.token_to_id(token)) for token in (bos, eos)]
        for token, index in ends:
            if index is None:
                raise CorruptFile(f"{vocab} lacks the token {token!r}, which {cls.__name__} puts around texts")
        rust.post_processor = processors.TemplateProcessing(
            single=[bos, "$A", eos], pair=[bos, "$A", eos, eos, "$B:0", eos], special_tokens=ends
        )
        return rust

    @classmethod
    def renumbered(cls, vocab: Any, settings: Mapping[str, Any]) -> sentencepiece.Model:
        """The model in the file `vocab`, its pieces between those of `first` and `last`.

        Raises:
            CorruptFile: a model of another kind.
        """
        cls.need(vocab)
        model = sentencepiece.read(vocab)
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
