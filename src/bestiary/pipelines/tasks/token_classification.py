"""Token classification: a text to labelled tokens, words or entities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from tokenizers import models

from ...core.errors import ArgumentError, InputError
from ...core.explicit_enum import ExplicitEnum
from ...core.logging import warn_once
from ...preprocess.text.text_decoder import need_rust
from ..base import ChunkPipeline, Parameters, Result
from ..batching import each, tensors

__all__ = ["TokenClassificationPipeline", "AggregationStrategy"]

ALIASES = ("ner",)
CHECKPOINTS = {"dbmdz/bert-large-cased-finetuned-conll03-english": "bert"}
IMPLIED = True


class AggregationStrategy(ExplicitEnum):
    """How tokens become entities; `TokenClassificationPipeline` says what each does."""

    NONE = "none"
    SIMPLE = "simple"
    FIRST = "first"
    AVERAGE = "average"
    MAX = "max"


@dataclass
class _Span:
    """A token, a word or an entity: its text, scores (N,) or label and score, and characters [start, end), where known."""

    tokens: list[str]
    scores: np.ndarray
    start: Any
    end: Any
    index: int
    inner: bool = False
    label: str = ""
    score: float = 0.0


class TokenClassificationPipeline(ChunkPipeline):
    """`[{"entity", "score", "index", "word", "start", "end"}, ...]` for a text, or with aggregation
    `[{"entity_group", "score", "word", "start", "end"}, ...]`. `start` and `end` count characters of the text.

    A tokenizer written in Python knows no characters: they are None, and what needs words or windows is refused.

    Keywords of a call:
        aggregation_strategy: "none": every token. "simple": neighbours with one tag are joined, a B- tag begins anew.
            "first", "average", "max": the same over whole words, whose label is that of their first token, of the mean of
            their tokens' scores, or of the token that is surest.
        ignore_labels: labels that are left out (["O"]).
        stride: a text longer than the model allows is read in windows that share so many tokens; without it it is cut.
        is_split_into_words: the input is a list of words, joined by `delimiter` (" ") for `start` and `end`.
        grouped_entities, ignore_subwords: older names: True of the first is "simple", of both "first".
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForTokenClassification",)

    def _sanitize_parameters(
        self,
        ignore_labels: Sequence[str] | None = None,
        aggregation_strategy: str | AggregationStrategy | None = None,
        is_split_into_words: bool | None = None,
        stride: int | None = None,
        delimiter: str | None = None,
        grouped_entities: bool | None = None,
        ignore_subwords: bool | None = None,
    ) -> Parameters:
        after: dict[str, Any] = {} if ignore_labels is None else {"ignore": frozenset(ignore_labels)}
        if grouped_entities is not None or ignore_subwords is not None:
            if aggregation_strategy is not None:
                raise ArgumentError("grouped_entities and ignore_subwords are older names; pass aggregation_strategy alone")
            aggregation_strategy = "none" if not grouped_entities else "first" if ignore_subwords else "simple"
            message = f"grouped_entities={grouped_entities}, ignore_subwords={ignore_subwords} is now"
            warn_once("grouped-entities", f"{message} aggregation_strategy={aggregation_strategy!r}")
        strategy = self._postprocess_params.get("strategy", AggregationStrategy.NONE)
        if aggregation_strategy is not None:
            if not isinstance(aggregation_strategy, str) or aggregation_strategy.lower() not in tuple(AggregationStrategy):
                strategies = ", ".join(AggregationStrategy)
                raise ArgumentError(f"aggregation_strategy is {aggregation_strategy!r}; expected one of {strategies}")
            after["strategy"] = strategy = AggregationStrategy(aggregation_strategy.lower())
            if strategy not in (AggregationStrategy.NONE, AggregationStrategy.SIMPLE):
                need_rust(self.tokenizer, f"aggregation_strategy={strategy.value!r}")
        if stride is not None:
            need_rust(self.tokenizer, "stride=")
            limit = self.tokenizer.model_max_length - self.tokenizer.num_special_tokens_to_add()
            if not 0 <= stride < limit:
                raise ArgumentError(f"stride is {stride}; expected at least 0 and less than the {limit} tokens of a window")
            if strategy is AggregationStrategy.NONE and aggregation_strategy is not None:
                raise ArgumentError("stride needs an aggregation_strategy other than 'none', to join what windows share")
        before = {"words": is_split_into_words, "stride": stride, "delimiter": delimiter}
        return {name: value for name, value in before.items() if value is not None}, {}, after

    def __call__(self, inputs: Any, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        words = parameters.get("is_split_into_words", self._preprocess_params.get("words"))
        # The words of one text are answered like a list of one text, as published.
        one = words and isinstance(inputs, list | tuple) and bool(inputs) and isinstance(inputs[0], str)
        return super().__call__([inputs] if one else inputs, **parameters)

    def preprocess(
        self, input_: Any, words: bool = False, stride: int | None = None, delimiter: str = " "
    ) -> Iterator[dict[str, Any]]:
        if not (isinstance(input_, list | tuple) if words else isinstance(input_, str)):
            expected = "a list of words" if words else "a text (or is_split_into_words=True for a list of words)"
            raise InputError(f"expected {expected}, found {type(input_).__name__} {input_!r:.60}")
        if words:
            need_rust(self.tokenizer, "is_split_into_words=True")
        text = delimiter.join(input_) if words else input_
        starts = np.cumsum([0, *(len(word) + len(delimiter) for word in input_)]) if words else None
        windows = {} if stride is None else {"return_overflowing_tokens": True, "stride": stride}
        encoded = self.tokenizer(
            [input_] if words else [text],
            is_split_into_words=words,
            truncation=True if self.tokenizer.model_max_length < int(1e29) else None,
            return_special_tokens_mask=True,
            return_offsets_mapping=self.tokenizer.is_fast,
            return_attention_mask=True,
            **windows,
        )
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask") if name in encoded]
        for row in range(len(encoded["input_ids"])):
            offsets, numbers = None, None
            if self.tokenizer.is_fast:
                offsets, numbers = np.array(encoded["offset_mapping"][row]).reshape(-1, 2), encoded.word_ids(row)
            if starts is not None and numbers is not None:
                offsets = offsets + starts[[number or 0 for number in numbers]][:, None]
            columns = {name: encoded[name][row : row + 1] for name in names}
            unit = {name: torch.tensor(column) for name, column in columns.items()}
            extra = {"text": text, "offsets": offsets, "words": numbers}
            yield {**unit, **extra, "dropped_tokens": sum(encoded.dropped_tokens)}

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        special = inputs.pop("special_tokens_mask")
        logits = self.model(**inputs).logits.float()
        real = inputs["attention_mask"].bool()
        others = {name: input_tensors[name] for name in ("text", "offsets", "words", "dropped_tokens")}
        columns = {"scores": logits.softmax(-1), "ids": inputs["input_ids"], "special": special}
        cut = {name: each([row[where] for row, where in zip(v, real, strict=True)]) for name, v in columns.items()}
        return {**others, **cut}

    def postprocess(
        self,
        model_outputs: Any,
        strategy: AggregationStrategy = AggregationStrategy.NONE,
        ignore: frozenset[str] = frozenset({"O"}),
    ) -> list[Result]:
        spans: list[_Span] = []
        for output in model_outputs:
            output_spans = self._text_tokens(output)
            if strategy not in (AggregationStrategy.NONE, AggregationStrategy.SIMPLE):
                output_spans = self._words(output_spans)
            self._label(output_spans, strategy)
            spans += output_spans if strategy is AggregationStrategy.NONE else self._entities(output_spans)
        if len(model_outputs) > 1:
            spans = _without_overlaps(spans)
        dropped = max((output["dropped_tokens"] for output in model_outputs), default=0)
        return [
            Result(self._answer(span, strategy is AggregationStrategy.NONE), dropped)
            for span in spans
            if span.label not in ignore
        ]

    def _text_tokens(self, output: Any) -> list[_Span]:
        """A span for each token that stands for text; special tokens are left out."""
        text, offsets, words = output["text"], output["offsets"], output["words"]
        prefix = _inner_prefix(self.tokenizer) if self.tokenizer.is_fast else ""
        spans = []
        for index, (token_id, special) in enumerate(zip(output["ids"].tolist(), output["special"].tolist(), strict=True)):
            if special:
                continue
            token = self.tokenizer.convert_ids_to_tokens(token_id)
            if offsets is None:
                spans.append(_Span([token], output["scores"][index].numpy(), None, None, index))
                continue
            start, end = (int(place) for place in offsets[index])
            inner = index > 0 and words[index] is not None and words[index] == words[index - 1]
            if inner:
                inner = token.startswith(prefix) if prefix else not _apart(text, offsets[index - 1].tolist(), start)
            if token_id == self.tokenizer.unk_token_id:
                token, inner = text[start:end], False
            spans.append(_Span([token], output["scores"][index].numpy(), start, end, index, inner))
        return spans

    def _words(self, spans: list[_Span]) -> list[_Span]:
        """Spans of tokens joined to spans of words, whose scores are (tokens, N)."""
        words: list[_Span] = []
        for span in spans:
            if words and span.inner:
                last = words[-1]
                last.tokens.append(span.tokens[0])
                last.scores = np.concatenate([last.scores, span.scores[None]])
                last.end = span.end
            else:
                words.append(_Span(span.tokens, span.scores[None], span.start, span.end, span.index))
        for word in words:
            word.tokens = [self.tokenizer.convert_tokens_to_string(word.tokens)]
        return words

    def _label(self, spans: list[_Span], strategy: AggregationStrategy) -> None:
        for span in spans:
            scores = span.scores
            if scores.ndim == 2:
                row = {"first": 0, "max": int(scores.max(1).argmax())}.get(strategy)
                scores = scores.mean(0) if row is None else scores[row]
            best = int(scores.argmax())
            span.label, span.score = self.model.config.id2label[best], float(scores[best])

    def _entities(self, spans: list[_Span]) -> list[_Span]:
        """Neighbours of one tag joined: the mean of their scores, their texts together."""
        groups: list[tuple[str, list[_Span]]] = []
        for span in spans:
            begins, tag = _tag(span.label)
            if groups and groups[-1][0] == tag and not begins:
                groups[-1][1].append(span)
            else:
                groups.append((tag, [span]))
        entities = []
        for tag, group in groups:
            text = self.tokenizer.convert_tokens_to_string([token for span in group for token in span.tokens])
            score = float(np.mean([span.score for span in group]))
            entities.append(
                _Span([text], group[0].scores, group[0].start, group[-1].end, group[0].index, label=tag, score=score)
            )
        return entities

    @staticmethod
    def _answer(span: _Span, single: bool) -> dict[str, Any]:
        index = {"index": span.index} if single else {}
        name = "entity" if single else "entity_group"
        word = {"word": span.tokens[0], "start": span.start, "end": span.end}
        return {name: span.label, "score": span.score, **index, **word}


def _tag(label: str) -> tuple[bool, str]:
    """Whether a label begins an entity, and its tag: B-PER, I-PER, or a bare tag, which continues."""
    return (True, label[2:]) if label.startswith("B-") else (False, label.removeprefix("I-"))


def _inner_prefix(tokenizer: Any) -> str:
    """What tokens inside a word begin with, as WordPiece writes them; "" where nothing tells them."""
    model = tokenizer.rust.main.model
    return (model.continuing_subword_prefix or "") if isinstance(model, models.WordPiece | models.BPE) else ""


def _apart(text: str, former: list[int], start: int) -> bool:
    """Whether white space parts a token from the one before: some tokenizers take a whole text for one word."""
    former_start, former_end = former
    return start > former_start and any(letter.isspace() for letter in text[min(former_end, start) : start + 1])


def _without_overlaps(entities: list[_Span]) -> list[_Span]:
    """Of entities that share characters, the longest, and of equally long ones the surest."""
    longest: list[_Span] = []
    for entity in sorted(entities, key=lambda span: span.start):
        if not longest or not longest[-1].start <= entity.start < longest[-1].end:
            longest.append(entity)
            continue
        length, former = entity.end - entity.start, longest[-1].end - longest[-1].start
        if length > former or (length == former and entity.score > longest[-1].score):
            longest[-1] = entity
    return longest


PIPELINE = TokenClassificationPipeline
