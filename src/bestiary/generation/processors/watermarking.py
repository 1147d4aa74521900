"""A mark in the text (see `watermark`)."""

from typing import Any

from ..options import Option
from ..processor import Context, LogitsProcessor
from ..watermark import as_watermark

OPTIONS = {"watermarking_config": Option(Any)}
PLACE = 910


def build(context: Context) -> LogitsProcessor | None:
    vocabulary = context.model.config.get_text_config(decoder=True).vocab_size
    watermark = as_watermark(context.config.watermarking_config)
    processor: LogitsProcessor = watermark.construct_processor(vocabulary, context.device)
    return processor
