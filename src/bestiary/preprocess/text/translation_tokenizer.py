"""The tokenizer of models that translate between many languages: each language has a token, which texts are marked with."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tokenizers import Tokenizer, processors

from ...core.errors import InputError
from .converters import sentencepiece
from .fairseq_tokenizer import FairseqTokenizer
from .language_marks import MarksLanguages
from .special_tokens import with_extra, with_space_before


class TranslationTokenizer(FairseqTokenizer, MarksLanguages):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`. A text is followed by `</s>` and the token of its language.

    Class attributes:
        languages: the codes, which are the tokens.
        language_first: whether the language's token stands before the text instead.
        splits_at_whitespace: whether whitespace behind the last word is dropped, or a token of its own.
    """

    language_first: bool = False
    splits_at_whitespace: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {**FairseqTokenizer.defaults, "src_lang": None, "tgt_lang": None}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Pieces, those of a file renumbered; the tokens at the ends follow with the language.

        Raises:
            CorruptFile: a model of another kind.
        """
        if cls.splits_at_whitespace:
            return super().convert(vocab, merges, settings)
        return sentencepiece.of_spaced_words(cls.numbered(vocab, merges, settings))

    def _set_framing(self, settings: Mapping[str, Any]) -> None:
        super()._set_framing(settings)
        self.src_lang, self.tgt_lang = self.src_lang, self.tgt_lang  # each is known, or refused

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        mask = settings.get("mask_token")
        super()._set_specials({**with_extra(settings, self.languages), "mask_token": mask and with_space_before(mask)})

    def _mark(self, language: str) -> None:
        self.rust.main.post_processor = self._ends(language)
        self.rust.forget_twins()

    def for_language(self, language: str) -> Self:
        tokenizer = copy.copy(self)
        tokenizer.rust = self.rust.framed(self._ends(language))
        return tokenizer

    def _ends(self, language: str) -> Any:
        """What puts the end token and that of `language` at the ends of texts."""
        if self.eos_token_id is None:
            raise InputError(f"eos_token is {self.eos_token!r:.60}; expected a token of the vocabulary, which ends texts")
        ends = {language: self.language_id(language), str(self.eos_token): self.eos_token_id}
        code, end = ends
        before, behind = ([code], [end]) if self.language_first else ([], [end, code])
        return processors.TemplateProcessing(
            single=[*before, "$A", *behind], pair=[*before, "$A", "$B:0", *behind], special_tokens=list(ends.items())
        )
