"""Where in a paragraph the answer to a question is, of paragraphs of any length: windows that overlap (SQuAD)."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ...core.logging import get_logger
from ..collators.padding import DataCollatorWithPadding
from ..data_files import Rows
from ..evaluation import EvalPrediction
from ..metrics.answers import answer_scores
from ..task import Features, Metrics, Task, column_of, column_texts

TASK = "QuestionAnswering"
logger = get_logger(__name__)
_KEPT = ("example", "offset_mapping")


@dataclass
class QuestionAnswering(Task):
    """Questions with paragraphs and `answers`: `{"text": [...], "answer_start": [...]}`; or the articles of SQuAD's files."""

    model_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    best_metric: ClassVar[str] = "f1"

    max_seq_length: int = HfArg(default=384, help="Tokens of a window")
    doc_stride: int = HfArg(default=128, help="Tokens of the paragraph that a window shares with the next")
    version_2_with_negative: bool = HfArg(default=False, help="Some questions have no answer")
    null_score_diff_threshold: float = HfArg(default=0.0, help="How much better no answer has to score to be taken")
    n_best_size: int = HfArg(default=20, help="Starts and ends of a window that are tried")
    max_answer_length: int = HfArg(default=30, help="Tokens of the longest answer")

    def features(self, rows: Rows, preprocessor: Any, config: Any, training: bool = True) -> Features:
        """Windows: tokens, `start_positions` and `end_positions` (0, the first token, where the answer is not inside), and, to
        evaluate, `example` and `offset_mapping`, which models do not take."""
        rows = questions_of(rows)
        column_of(rows, "context", (), "paragraphs")
        _check_answers(rows)
        right = preprocessor.padding_side == "right"
        texts = [[text.lstrip() for text in column_texts(rows, "question")], column_texts(rows, "context")]
        encoded = preprocessor(
            *(texts if right else texts[::-1]),
            truncation="only_second" if right else "only_first",
            max_length=self.max_seq_length,
            stride=self.doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        owners, spans = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
        features = []
        for place, owner in enumerate(owners):
            feature = {name: column[place] for name, column in encoded.items()}
            which = encoded.sequence_ids(place)
            inside = [span if part == int(right) else None for part, span in zip(which, spans[place], strict=True)]
            if "answers" in rows[owner]:
                cls = preprocessor.cls_token_id
                null = feature["input_ids"].index(cls) if cls in feature["input_ids"] else 0
                places = _tokens_of(rows[owner]["answers"], inside) or (null, null)
                feature["start_positions"], feature["end_positions"] = places
            if not training:
                feature |= {"example": owner, "offset_mapping": inside}
            features.append(feature)
        return features

    def collator(self, preprocessor: Any, model: Any = None) -> Callable[[list[Any]], Any]:
        """Pads windows, without what models do not take."""
        return partial(_padded, DataCollatorWithPadding(preprocessor))

    def compute_metrics(self, rows: Rows, features: Features, preprocessor: Any, config: Any) -> Metrics:
        """Exact match and F1 of answers, in percent; `tables` holds the answers they are of."""
        return AnswerMetrics(self, questions_of(rows), features)

    def answers(self, rows: Rows, features: Features, logits: Any) -> list["Answers"]:
        """The answer to each question, the best of those that compete with it, and how much better none would be.

        Args:
            rows: questions. features: windows made of them with `training=False`. logits: two (N, S), of starts and ends.
        """
        starts, ends = logits[:2]
        windows: dict[int, list[int]] = defaultdict(list)
        for place, feature in enumerate(features):
            windows[feature["example"]].append(place)
        return [self._best(row, [(features[i], starts[i], ends[i]) for i in windows[n]]) for n, row in enumerate(rows)]

    def _best(self, row: dict[str, Any], windows: list[tuple[dict[str, Any], Any, Any]]) -> "Answers":
        answers: list[dict[str, Any]] = []
        null: dict[str, Any] | None = None
        for feature, start_logits, end_logits in windows:
            spans = feature["offset_mapping"]
            empty = _answer("", float(start_logits[0]), float(end_logits[0]))
            null = empty if null is None or empty["score"] < null["score"] else null
            for start in np.argsort(-start_logits[: len(spans)], kind="stable")[: self.n_best_size]:
                for end in np.argsort(-end_logits[: len(spans)], kind="stable")[: self.n_best_size]:
                    if spans[start] is None or spans[end] is None or not start <= end < start + self.max_answer_length:
                        continue
                    text = row["context"][spans[start][0] : spans[end][1]]
                    answers.append(_answer(text, float(start_logits[start]), float(end_logits[end])))
        competing = [null] if self.version_2_with_negative and null is not None else []
        best = sorted(answers + competing, key=lambda each: -each["score"])[: self.n_best_size]
        best += [each for each in competing if each not in best]
        if not any(each["text"] for each in best):
            best.insert(0, _answer("empty", 0.0, 0.0))
        weights = np.exp(np.array([each["score"] for each in best]) - max(each["score"] for each in best))
        best = [{**each, "probability": float(part)} for each, part in zip(best, weights / weights.sum(), strict=True)]
        first = next(each for each in best if each["text"])
        if not competing:
            return Answers(first["text"], best, None)
        odds = competing[0]["score"] - first["score"]
        return Answers("" if odds > self.null_score_diff_threshold else first["text"], best, odds)


class Answers(NamedTuple):
    """What is answered to a question.

    Fields:
        text: the answer; empty where there is none. best: the best, each with text, probability, start_logit, end_logit and
        score; "empty" stands for a text where no span may be one. null_odds: how much better the score of no answer is than
        that of the best text; None where every question has an answer.
    """

    text: str
    best: list[dict[str, Any]]
    null_odds: float | None


class AnswerMetrics:
    """Exact match and F1 of answers, in percent, of what a model says of windows.

    Fields:
        tables: of the latest predictions, each from a question's `id`, or its number where rows have none: `predictions`,
        `nbest_predictions` and, where questions may have no answer, `null_odds`.
    """

    def __init__(self, task: QuestionAnswering, rows: Rows, features: Features) -> None:
        self.task, self.rows, self.features = task, rows, features
        self.tables: dict[str, dict[str, Any]] = {}

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        self.answer(prediction.predictions)
        predictions = self.tables["predictions"]
        return answer_scores(
            predictions, {key: row["answers"]["text"] for key, row in zip(predictions, self.rows, strict=True)}
        )

    def answer(self, logits: Any) -> None:
        """Fill `tables`; `logits` are two (N, S), of starts and ends."""
        keys = [str(row.get("id", number)) for number, row in enumerate(self.rows)]
        keys = keys if len(set(keys)) == len(keys) else [str(number) for number in range(len(keys))]
        named = dict(zip(keys, self.task.answers(self.rows, self.features, logits), strict=True))
        self.tables = {
            "predictions": {key: each.text for key, each in named.items()},
            "nbest_predictions": {key: each.best for key, each in named.items()},
        }
        if self.task.version_2_with_negative:
            self.tables["null_odds"] = {key: each.null_odds for key, each in named.items()}


def _padded(pad: Callable[[list[Any]], Any], rows: list[dict[str, Any]]) -> Any:
    return pad([{name: value for name, value in row.items() if name not in _KEPT} for row in rows])


def _answer(text: str, start_logit: float, end_logit: float) -> dict[str, Any]:
    return {"text": text, "start_logit": start_logit, "end_logit": end_logit, "score": start_logit + end_logit}


def questions_of(rows: Rows) -> Rows:
    """Rows with `question`, `context` and `answers`; of the articles of SQuAD's files a row for each question."""
    if "paragraphs" not in rows[0]:
        return rows
    return [
        {
            "id": asked["id"],
            "question": asked["question"],
            "context": paragraph["context"],
            "answers": {name: [each[name] for each in asked.get("answers", ())] for name in ("text", "answer_start")},
        }
        for article in rows
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    ]


def _check_answers(rows: Rows) -> None:
    """Warn once of answers that are not where they are said to be.

    Raises:
        ArgumentError: answers that are not lists of texts and of their places.
    """
    wrong: list[int] = []
    for number, row in enumerate(rows, 1):
        if "answers" not in row:
            continue
        answers = row["answers"]
        parts = dict(answers) if isinstance(answers, Mapping) else {}
        texts: Any = parts.get("text")
        starts: Any = parts.get("answer_start")
        if not (_is_list_of(str, texts) and _is_list_of(int, starts) and len(texts) == len(starts)):
            raise ArgumentError(
                f"row {number}: answers is {answers!r:.80}; expected {{'text': [texts], 'answer_start': [as many places in"
                " context]}, both empty where there is no answer"
            )
        if starts and (starts[0] < 0 or not row["context"].startswith(texts[0], starts[0])):
            wrong.append(number)
    if wrong:
        logger.warning(
            "%d of %d answers do not stand in context at answer_start (the first in row %d): the wrong place is learned, or, if"
            " it is outside of context, that there is no answer",
            *(len(wrong), len(rows), wrong[0]),
        )


def _is_list_of(kind: type, values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(each, kind) for each in values)


def _tokens_of(answers: dict[str, Any], spans: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    """First and last token of the first answer; None where it is not whole inside the window, or there is none."""
    if not answers["answer_start"]:
        return None
    start = answers["answer_start"][0]
    end = start + len(answers["text"][0])
    places = [place for place, span in enumerate(spans) if span is not None]
    if not places or spans[places[0]][0] > start or spans[places[-1]][1] < end:  # type: ignore[index]
        return None
    first = max(place for place in places if spans[place][0] <= start)  # type: ignore[index]
    last = min(place for place in places if spans[place][1] >= end)  # type: ignore[index]
    return first, last
