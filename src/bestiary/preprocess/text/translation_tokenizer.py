"""The tokenizer of models that translate between many languages: each language has a token, which texts are marked with."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tokenizers import Tokenizer, processors

from ...core.errors import ArgumentError, did_you_mean
from .converters import sentencepiece
from .fairseq_tokenizer import FairseqTokenizer
from .special_tokens import EXTRA, with_space_before


class TranslationTokenizer(FairseqTokenizer):
    """Opens `sentencepiece.bpe.model` and `tokenizer.json`. A text is followed by `</s>` and the token of its language.

    Options: `src_lang`, the language of texts; `tgt_lang`, that of `text_target` (where it is None, `src_lang`). Both can be
    assigned to at any time.

    Class attributes:
        languages: the tokens. usual_language: `src_lang` where it is not said.
        language_first: whether the language's token stands before the text instead.
        splits_at_whitespace: whether whitespace behind the last word is dropped, or a token of its own.
    """

    languages: ClassVar[tuple[str, ...]]
    usual_language: ClassVar[str]
    language_first: bool = False
    splits_at_whitespace: ClassVar[bool] = True
    defaults: ClassVar[dict[str, Any]] = {**FairseqTokenizer.defaults, "src_lang": None, "tgt_lang": None}

    @classmethod
    def convert(cls, vocab: Any, merges: Any, settings: dict[str, Any]) -> Tokenizer:
        """Pieces from the file, renumbered; the tokens at the ends follow with the language.

        Raises:
            CorruptFile: a model of another kind.
        """
        if cls.splits_at_whitespace:
            return super().convert(vocab, merges, settings)
        return sentencepiece.of_spaced_words(cls.renumbered(vocab, settings))

    def _set_framing(self, settings: Mapping[str, Any]) -> None:
        super()._set_framing(settings)
        self.src_lang = self.src_lang

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        present = [code for code in self.languages if self.rust.main.token_to_id(code) is not None]
        extra = dict.fromkeys([*present, *(settings.get(EXTRA) or [])])
        mask = settings.get("mask_token")
        super()._set_specials({**settings, EXTRA: list(extra), "mask_token": mask and with_space_before(mask)})

    @property
    def src_lang(self) -> str:
        """The language that texts are marked with."""
        return str(self.init_kwargs.get("src_lang") or self.usual_language)

    @src_lang.setter
    def src_lang(self, language: str) -> None:
        self.rust.main.post_processor = self._ends(language)
        self.rust.forget_twins()
        if language != self.src_lang:
            self.init_kwargs["src_lang"] = language

    @property
    def tgt_lang(self) -> str | None:
        """The language that targets are marked with."""
        language: str | None = self.init_kwargs.get("tgt_lang")
        return language

    @tgt_lang.setter
    def tgt_lang(self, language: str | None) -> None:
        if language is not None:
            self.language_id(language)
        self.init_kwargs["tgt_lang"] = language

    @property
    def lang_code_to_id(self) -> dict[str, int]:
        """The token of each language -> its id."""
        ids = {code: self.rust.main.token_to_id(code) for code in self.languages}
        return {code: index for code, index in ids.items() if index is not None}

    def language_id(self, language: str) -> int:
        """The id of a language's token.

        Raises:
            ArgumentError: the vocabulary has no such token; names the nearest.
        """
        known = isinstance(language, str) and language in (*self.languages, *self.extra_special_tokens)
        index = self.rust.main.token_to_id(language) if known else None
        if index is None:
            near = did_you_mean(str(language), self.languages)
            raise ArgumentError(f"this tokenizer knows no language {language!r:.80}.{near} Known: {', '.join(self.languages)}")
        return int(index)

    def for_targets(self) -> Self:
        return self.for_language(self.tgt_lang or self.src_lang)

    def for_language(self, language: str) -> Self:
        """A tokenizer of the same vocabulary that marks texts with `language`."""
        tokenizer = copy.copy(self)
        tokenizer.rust = self.rust.framed(self._ends(language))
        return tokenizer

    def _ends(self, language: str) -> Any:
        """What puts the end token and that of `language` at the ends of texts."""
        ends = {language: self.language_id(language), str(self.eos_token): self.eos_token_id}
        code, end = ends
        before, behind = ([code], [end]) if self.language_first else ([], [end, code])
        return processors.TemplateProcessing(
            single=[*before, "$A", *behind], pair=[*before, "$A", "$B:0", *behind], special_tokens=list(ends.items())
        )
