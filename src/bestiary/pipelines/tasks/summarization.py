"""Summarization: a text to a shorter one."""

from typing import ClassVar

from .text2text_generation import Text2TextGenerationPipeline

__all__ = ["SummarizationPipeline"]

CHECKPOINTS = {"sshleifer/distilbart-cnn-12-6": "bart"}


class SummarizationPipeline(Text2TextGenerationPipeline):
    """`[{"summary_text": ...}]` for a text; keywords as for text-to-text generation."""

    return_name: ClassVar[str] = "summary"


PIPELINE = SummarizationPipeline
