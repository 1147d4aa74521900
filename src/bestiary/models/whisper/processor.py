"""Whisper's processor: speech to features, transcripts to labels, ids to text."""

from typing import Any, ClassVar

from ...preprocess.processor import ProcessorMixin
from .feature_extractor import WhisperFeatureExtractor
from .tokenizer import WhisperTokenizer


class WhisperProcessor(ProcessorMixin):
    """`audio` to `input_features`; `text` to `input_ids`, or beside audio to `labels`."""

    parts: ClassVar[dict[str, Any]] = {"feature_extractor": WhisperFeatureExtractor, "tokenizer": WhisperTokenizer}
    text_is_label: ClassVar[bool] = True

    def get_decoder_prompt_ids(
        self, task: str | None = None, language: str | None = None, no_timestamps: bool = True
    ) -> list[tuple[int, int]]:
        """Pairs (position, id) of the tokens that tell the decoder language, task and whether to write times."""
        pairs: list[tuple[int, int]] = self.tokenizer.get_decoder_prompt_ids(
            task=task, language=language, no_timestamps=no_timestamps
        )
        return pairs

    def get_prompt_ids(self, text: str, return_tensors: str = "np") -> Any:
        """Ids of `text` as context before the transcript."""
        return self.tokenizer.get_prompt_ids(text, return_tensors=return_tensors)
