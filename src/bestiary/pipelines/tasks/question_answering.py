"""Question answering: a question and a text to the place in the text that answers it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from ...preprocess.text.text_decoder import need_rust
from ..base import ChunkPipeline, Parameters, Result
from ..batching import each, tensors
from ..scores import check_top_k

__all__ = ["QuestionAnsweringPipeline"]

CHECKPOINTS = {"deepset/roberta-base-squad2": "roberta"}
IMPLIED = True


class QuestionAnsweringPipeline(ChunkPipeline):
    """`{"score", "start", "end", "answer"}`: characters [start, end) of the text; with `top_k` above 1 a list, best first.

    Inputs: `question=` and `context=` (texts, or lists of equal length, or one context for many questions), or one or many
    `{"question": ..., "context": ...}`.

    A text too long for the model is read in windows. In each, a span is as probable as its first and its last token are.

    Keywords of a call:
        top_k: how many answers (1). max_answer_len: most tokens of an answer (15).
        max_seq_len: most tokens of a window with the question (384, or what the model allows). doc_stride: tokens that
            windows share (128, at most half a window). max_question_len: the question is cut to so many tokens (64).
        handle_impossible_answer: whether "no answer", an empty text, may be the answer.
        align_to_words: whether answers begin and end with words.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForQuestionAnswering",)

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        topk: int | None = None,
        doc_stride: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        align_to_words: bool | None = None,
    ) -> Parameters:
        before = {"doc_stride": doc_stride, "max_seq_len": max_seq_len, "max_question_len": max_question_len}
        after: dict[str, Any] = {"max_answer_len": max_answer_len, "align_to_words": align_to_words}
        after |= {"top_k": topk if top_k is None else top_k, "impossible": handle_impossible_answer}
        for name, value in {**before, "max_answer_len": max_answer_len}.items():
            if value is not None and value < (0 if name == "doc_stride" else 1):
                raise InputError(f"{name} is {value}; expected at least {0 if name == 'doc_stride' else 1}")
        if after["top_k"] is not None:
            check_top_k(after["top_k"])
        steps = [{name: value for name, value in step.items() if value is not None} for step in (before, after)]
        return steps[0], {}, steps[1]

    def __call__(self, inputs: Any = None, *, question: Any = None, context: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        if inputs is not None and (question is not None or context is not None):
            raise ArgumentError("pass question= and context=, or what holds both, not both")
        if inputs is None:
            inputs = _pairs(question, context)
        return super().__call__(inputs, **parameters)

    def preprocess(
        self,
        input_: Any,
        doc_stride: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int = 64,
    ) -> Iterator[dict[str, Any]]:
        question, context = _read(input_)
        limit = min(self.tokenizer.model_max_length, 384 if max_seq_len is None else max_seq_len)
        need_rust(self.tokenizer, "finding answers by their places in a text")
        tokens = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        if len(tokens["input_ids"]) > max_question_len:
            question = question[: tokens["offset_mapping"][max_question_len - 1][1]]
        first = self.tokenizer.padding_side == "right"
        encoded = self.tokenizer(
            [question if first else context],
            [context if first else question],
            truncation="only_second" if first else "only_first",
            max_length=limit,
            stride=min(limit // 2, 128) if doc_stride is None else doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=True,
        )
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
        for row in range(len(encoded["input_ids"])):
            unit = {name: torch.tensor(encoded[name][row : row + 1]) for name in names}
            inside = np.array([part == int(first) for part in encoded.sequence_ids(row)])
            extra = {"context": context, "offsets": encoded["offset_mapping"][row], "inside": inside}
            yield {
                **unit,
                **extra,
                "words": encoded.encodings[row],
                "dropped_tokens": max(0, len(tokens["input_ids"]) - max_question_len),
            }

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        output, real = self.model(**inputs), inputs["attention_mask"].bool()
        others = {name: value for name, value in input_tensors.items() if name not in inputs}
        columns = {"starts": output.start_logits, "ends": output.end_logits, "ids": inputs["input_ids"]}
        cut = {name: each([row[where] for row, where in zip(v, real, strict=True)]) for name, v in columns.items()}
        return {**others, **cut}

    def postprocess(
        self,
        model_outputs: Any,
        top_k: int = 1,
        max_answer_len: int = 15,
        impossible: bool = False,
        align_to_words: bool = True,
    ) -> Any:
        best: dict[tuple[int, int], float] = {}
        no_answer = 0.0
        for output in model_outputs:
            starts, ends, null = self._log_probabilities(output)
            no_answer = min(no_answer, null)
            for place, score in _places(output, starts, ends, top_k, max_answer_len, align_to_words).items():
                best[place] = max(score, best.get(place, -math.inf))
        context, dropped = model_outputs[0]["context"], model_outputs[0]["dropped_tokens"]
        if impossible or not best:
            best[0, 0] = no_answer
        ranked = sorted(best.items(), key=lambda item: -item[1])[:top_k]
        answers = [
            Result({"score": math.exp(score), "start": start, "end": end, "answer": context[start:end]}, dropped)
            for (start, end), score in ranked
        ]
        return answers[0] if top_k == 1 else answers

    def _log_probabilities(self, output: Any) -> tuple[np.ndarray, np.ndarray, float]:
        """The logarithms of how probable it is that the answer begins, and ends, at each token of a window, and that there is
        none; minus infinity where it cannot.

        The beginning token of the whole, which stands for "no answer", shares in the probabilities and is no answer itself.
        """
        inside = torch.from_numpy(output["inside"])
        beginning = output["ids"] == (-1 if self.tokenizer.cls_token_id is None else self.tokenizer.cls_token_id)
        rows, null = [], 0.0
        for logits in (output["starts"], output["ends"]):
            if logits.isnan().any():
                raise InputError("the model gave scores that are no numbers (NaN); check its weights and dtype")
            logs = logits.double().masked_fill(~(inside | beginning), -torch.inf).log_softmax(0)
            null += float(logs[beginning].max()) if beginning.any() else -math.inf
            rows.append(logs.masked_fill(~inside, -torch.inf).numpy())
        return rows[0], rows[1], null


def _pairs(question: Any, context: Any) -> Any:
    if question is None or context is None:
        raise ArgumentError("pass question= and context=")
    many = isinstance(question, list | tuple)
    contexts = context if isinstance(context, list | tuple) else [context] * (len(question) if many else 1)
    questions = list(question) if many else [question]
    if len(questions) != len(contexts):
        raise InputError(f"there are {len(questions)} questions and {len(contexts)} contexts; they must match one to one")
    pairs = [{"question": one, "context": text} for one, text in zip(questions, contexts, strict=True)]
    return pairs if many or isinstance(context, list | tuple) else pairs[0]


def _read(input_: Any) -> tuple[str, str]:
    if not isinstance(input_, Mapping):
        raise InputError(f"expected {{'question': ..., 'context': ...}}, found {type(input_).__name__} {input_!r:.60}")
    for name in ("question", "context"):
        if not isinstance(input_.get(name), str) or not input_[name]:
            raise InputError(f"{name} must be a text that is not empty; found {input_.get(name)!r:.60}")
    return input_["question"], input_["context"]


def _places(
    output: Any, starts: np.ndarray, ends: np.ndarray, top_k: int, longest: int, align_to_words: bool
) -> dict[tuple[int, int], float]:
    """The `top_k` most probable places of a window: characters [start, end) -> logarithm of the probability.

    Several spans of tokens may reach the same words; the best of them counts.
    """
    scores = starts[:, None] + ends
    first, last = np.tril(np.triu(np.isfinite(scores)), longest - 1).nonzero()
    values = scores[first, last]
    places: dict[tuple[int, int], float] = {}
    for span in np.argsort(-values, kind="stable"):
        place = _characters(output, int(first[span]), int(last[span]), align_to_words)
        places.setdefault(place, float(values[span]))
        if len(places) == top_k:
            break
    return places


def _characters(output: Any, start: int, end: int, align_to_words: bool) -> tuple[int, int]:
    row, offsets = output["words"], output["offsets"]
    first, last = row.token_to_word(start), row.token_to_word(end)
    if align_to_words and first is not None and last is not None:
        part = row.token_to_sequence(start)
        return row.word_to_chars(first, part)[0], row.word_to_chars(last, part)[1]
    return offsets[start][0], offsets[end][1]


PIPELINE = QuestionAnsweringPipeline
