"""Translation: a text to one in another language."""

from typing import Any, ClassVar

from ...core.errors import ArgumentError
from ...preprocess.text.language_marks import MarksLanguages
from ..base import Parameters
from .text2text_generation import Text2TextGenerationPipeline

__all__ = ["TranslationPipeline"]

CHECKPOINTS = {"google-t5/t5-base": "t5"}
PATTERN = "translation_[A-Za-z-]+_to_[A-Za-z-]+"
NAMED = ("translation_en_to_de", "translation_en_to_fr", "translation_en_to_ro")


class TranslationPipeline(Text2TextGenerationPipeline):
    """`[{"translation_text": ...}]` for a text.

    The languages come from the task's name ("translation_en_to_fr"), or from the keywords `src_lang` and `tgt_lang`. A
    checkpoint says in its config how it is told of them (`task_specific_params`: a prefix for the pair), or its tokenizer has
    a token for each language ("en_XX").

    Other keywords are as for text-to-text generation.
    """

    return_name: ClassVar[str] = "translation"

    def _sanitize_parameters(  # type: ignore[override]
        self, src_lang: str | None = None, tgt_lang: str | None = None, **more: Any
    ) -> Parameters:
        before, during, after = super()._sanitize_parameters(**more)
        if src_lang is None and tgt_lang is None:
            return before, during, after
        if src_lang is None or tgt_lang is None:
            raise ArgumentError(f"src_lang={src_lang!r} and tgt_lang={tgt_lang!r}: pass both")
        if isinstance(self.tokenizer, MarksLanguages):
            target = {"forced_bos_token_id": self.tokenizer.language_id(tgt_lang)}
            return {"src_lang": src_lang, **before}, {**target, **during}, after
        if self.tokenizer.init_kwargs.get("source_lang"):  # of a model of one pair, which is told nothing
            return before, during, after
        task_settings = self.model.config.get("task_specific_params") or {}
        name = f"translation_{src_lang}_to_{tgt_lang}"
        if "prefix" not in task_settings.get(name, {}):
            pairs = ", ".join(sorted(task for task in task_settings if task.startswith("translation_"))) or "no pair"
            raise ArgumentError(
                f"the checkpoint says nothing of {name} (it knows {pairs}); pass prefix= with what it was trained on"
            )
        return {"prefix": task_settings[name]["prefix"], **before}, during, after

    def preprocess(self, input_: Any, prefix: str | None = None, *, src_lang: str | None = None, **options: Any) -> Any:
        tokenizer = None if src_lang is None else self.tokenizer.for_language(src_lang)
        return super().preprocess(input_, prefix, tokenizer=tokenizer, **options)


PIPELINE = TranslationPipeline
