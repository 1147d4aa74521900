"""What tokenizers share that mark texts with tokens of languages."""

from abc import abstractmethod
from typing import Any, ClassVar, Self

from ...core.errors import ArgumentError, did_you_mean
from .base import PreTrainedTokenizerBase


class MarksLanguages(PreTrainedTokenizerBase):
    """Options: `src_lang`, the language of texts; `tgt_lang`, that of `text_target` (where it is None, `src_lang`). Both can be
    assigned to at any time.

    Class attributes:
        languages: their codes. usual_language: `src_lang` where it is not said.
    """

    languages: tuple[str, ...]
    usual_language: ClassVar[str]

    @abstractmethod
    def _mark(self, language: str) -> None:
        """Mark texts with `language` from now on."""

    @abstractmethod
    def for_language(self, language: str) -> Self:
        """A tokenizer of the same vocabulary that marks texts with `language`."""

    def get_lang_token(self, lang: str) -> str:
        """The token of a language."""
        return lang

    @property
    def src_lang(self) -> str:
        """The language that texts are marked with."""
        return str(self.init_kwargs.get("src_lang") or self.usual_language)

    @src_lang.setter
    def src_lang(self, language: str) -> None:
        self._mark(language)
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
        """The code of each language -> the id of its token."""
        ids = {code: self._id_of(self.get_lang_token(code)) for code in self.languages}
        return {code: index for code, index in ids.items() if index is not None}

    def language_id(self, language: str) -> int:
        """The id of a language's token.

        Raises:
            ArgumentError: the vocabulary has no such token; names the nearest.
        """
        known: Any = isinstance(language, str) and language in (*self.languages, *self.extra_special_tokens)
        index = self._id_of(self.get_lang_token(language)) if known else None
        if index is None:
            near = did_you_mean(str(language), self.languages)
            raise ArgumentError(f"this tokenizer knows no language {language!r:.80}.{near} Known: {', '.join(self.languages)}")
        return int(index)

    def for_targets(self) -> Self:
        return self.for_language(self.tgt_lang or self.src_lang)
