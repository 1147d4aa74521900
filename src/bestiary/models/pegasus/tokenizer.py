"""PEGASUS's tokenizer: sentencepiece unigrams behind tokens that were kept for its two ways to train."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from tokenizers import Regex, Tokenizer, normalizers, processors

from ...core.errors import CorruptFile
from ...core.kinds import Range, check
from ...preprocess.text.converters import sentencepiece
from ...preprocess.text.special_tokens import with_extra
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast


class PegasusTokenizer(PreTrainedTokenizerFast):
    """Opens `spiece.model` and `tokenizer.json`. `</s>` stands behind a text.

    Options: `mask_token_sent`, the token in place of a whole sentence (None: there is none); `offset`, how many tokens stand
    before those of the file.
    """

    vocab_files_names: ClassVar[dict[str, str | tuple[str, ...]]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
    defaults: ClassVar[dict[str, Any]] = {
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask_2>",
        "mask_token_sent": "<mask_1>",
        "offset": 103,
    }

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Unigram pieces from the file, behind the special tokens and unused ones up to `offset`.

        Raises:
            CorruptFile: a BPE model.
        """
        cls.need(vocab)
        check(cls.__name__, "offset", settings["offset"], Annotated[int, Range(0, 100_000)])
        model = sentencepiece.read(vocab)
        if model.model_type != sentencepiece.UNIGRAM:
            raise CorruptFile(f"{vocab} is a BPE model; PEGASUS uses a unigram model")
        if isinstance(vocab, str | os.PathLike):  # pieces in memory have their numbers
            first = [(str(settings[role]), 0.0) for role in ("pad_token", "eos_token")]
            if settings["mask_token_sent"] is not None:  # else the file has the mask, as BigBird-Pegasus's
                first += [(str(settings[role]), 0.0) for role in ("mask_token_sent", "mask_token")]
            first += [(token, -100.0) for token in _unused(settings)]
            model.pieces = [sentencepiece.Piece(*piece) for piece in first] + model.pieces[2:]
            model.unk_id += len(first) - 2
        rust = sentencepiece.of_spaced_words(model)
        if not model.charsmap:
            rust.normalizer = normalizers.Sequence([normalizers.Replace(Regex("\n"), " "), rust.normalizer])
        end = str(settings["eos_token"])
        rust.post_processor = processors.TemplateProcessing(
            single=["$A", end], pair=["$A", "$B:0", end], special_tokens=sentencepiece.ends(rust, vocab, [end])
        )
        return rust

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        sentence = settings.get("mask_token_sent")
        super()._set_specials(with_extra(settings, [*([] if sentence is None else [str(sentence)]), *_unused(settings)]))


def _unused(settings: Mapping[str, Any]) -> list[str]:
    """The tokens that nothing was trained with."""
    return [f"<unk_{number}>" for number in range(2, settings["offset"])]


PegasusTokenizerFast = PegasusTokenizer
