"""Text-to-text generation: a text to another, by an encoder-decoder. Summarization and translation are kinds of it."""

from enum import Enum
from typing import Any, ClassVar

from ...core.errors import ArgumentError, InputError
from ..base import Parameters, Result
from ..batching import each, tensors
from ..generating import GeneratingPipeline
from .text_classification import encode

__all__ = ["Text2TextGenerationPipeline"]

CHECKPOINTS = {"google-t5/t5-base": "t5"}
IMPLIED = True


class ReturnType(Enum):
    """What comes back: ids or text."""

    TENSORS = 0
    TEXT = 1


class Text2TextGenerationPipeline(GeneratingPipeline):
    """`[{"generated_text": ...}]` for a text; one entry for each of `num_return_sequences`.

    A list of texts is answered with a list of dictionaries where there is one answer to each text.

    Keywords of a call:
        return_tensors, return_text, return_type: token ids, as `generated_token_ids`, or (the default) text.
        clean_up_tokenization_spaces: for decoding. truncation: for encoding. prefix: text put before every text; by default
            what the checkpoint says for the task. stop_sequence: text, or texts, that end the generation.
        others: what `generate` takes.

    `return_details=True` adds to each answer its `finish_reason` and the `dropped_tokens` of its text. Without a length,
    256 tokens are made at most. Class attributes: return_name: what the text is called in an answer, before `_text`.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForSeq2SeqLM",)
    generation_defaults: ClassVar[dict[str, Any]] = {"max_new_tokens": 256}
    return_name: ClassVar[str] = "generated"

    def _sanitize_parameters(
        self,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        return_type: ReturnType | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        truncation: Any = None,
        stop_sequence: Any = None,
        prefix: str | None = None,
        **generate: Any,
    ) -> Parameters:
        if return_tensors and return_text:
            raise ArgumentError("return_text and return_tensors exclude each other")
        after: dict[str, Any] = {}
        if return_tensors is not None or return_type is not None:
            after["return_type"] = ReturnType(return_type) if return_type else ReturnType(0 if return_tensors else 1)
        if clean_up_tokenization_spaces is not None:
            after["clean_up_tokenization_spaces"] = clean_up_tokenization_spaces
        if stop_sequence is not None:
            generate |= self.stop_options(stop_sequence)
        before = {} if truncation is None else {"truncation": truncation}
        before |= {} if prefix is None else {"prefix": prefix}
        return before, self.generation_options(generate, ("truncation", "stop_sequence", "return_tensors")), after

    def __call__(self, *inputs: Any, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        data = inputs[0] if len(inputs) == 1 else list(inputs)
        answers = super().__call__(data, **parameters)
        if isinstance(data, list | tuple) and all(len(answer) == 1 for answer in answers):
            return [answer[0] for answer in answers]
        return answers

    def preprocess(self, input_: Any, prefix: str | None = None, *, tokenizer: Any = None, **options: Any) -> Any:
        if not isinstance(input_, str):
            raise InputError(f"a text was expected, found {type(input_).__name__} {input_!r:.60}")
        unit = encode(tokenizer or self.tokenizer, (self.prefix if prefix is None else prefix) + input_, **options)
        unit.pop("token_type_ids", None)
        return unit

    def _forward(self, input_tensors: Any, **options: Any) -> dict[str, Any]:
        ids, reasons = self.generate(tensors(input_tensors), options)
        rows = len(input_tensors["input_ids"])
        copies = len(reasons) // rows
        ended = each([reasons[row * copies : (row + 1) * copies] for row in range(rows)])
        others = {"dropped_tokens": input_tensors["dropped_tokens"]}
        return {**others, "sequences": ids.reshape(rows, copies, -1), "reasons": ended}

    def postprocess(
        self,
        model_outputs: Any,
        return_type: ReturnType = ReturnType.TEXT,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[Result]:
        answers = []
        for ids, reason in zip(model_outputs["sequences"][0], model_outputs["reasons"], strict=True):
            if return_type is ReturnType.TENSORS:
                values: dict[str, Any] = {f"{self.return_name}_token_ids": ids.tolist()}
            else:
                text = self.tokenizer.decode(ids, True, clean_up_tokenization_spaces)
                values = {f"{self.return_name}_text": text}
            answers.append(Result(values, model_outputs["dropped_tokens"], reason))
        return answers


PIPELINE = Text2TextGenerationPipeline
