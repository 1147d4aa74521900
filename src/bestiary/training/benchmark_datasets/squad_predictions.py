"""From what a model says of each window to the text of an answer: the best spans of all windows of a question."""

import json
from collections import defaultdict
from collections.abc import Sequence
from math import exp
from typing import Any, NamedTuple

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ...core.files import write_text
from .squad_examples import SquadExample, SquadResult
from .squad_features import SquadFeatures


class _Span(NamedTuple):
    feature: SquadFeatures | None
    start: int
    end: int
    start_logit: float
    end_logit: float

    @property
    def score(self) -> float:
        return self.start_logit + self.end_logit


class _Answer(NamedTuple):
    text: str
    start_logit: float
    end_logit: float


def compute_predictions_logits(
    all_examples: Sequence[SquadExample],
    all_features: Sequence[SquadFeatures],
    all_results: Sequence[SquadResult],
    n_best_size: int,
    max_answer_length: int,
    do_lower_case: bool,
    output_prediction_file: str | None,
    output_nbest_file: str | None,
    output_null_log_odds_file: str | None,
    verbose_logging: bool,
    version_2_with_negative: bool,
    null_score_diff_threshold: float,
    tokenizer: Any,
) -> dict[str, str]:
    """Question -> the text of its answer; the three files, where named, get the same, the best of each, and how much no answer
    is better than the best one.

    Args:
        n_best_size: starts and ends of a window that are tried, and answers that are kept. max_answer_length: its tokens.
        do_lower_case: how the tokenizer spells. verbose_logging: of older scripts.
        version_2_with_negative: there may be none: where it scores better by more than `null_score_diff_threshold`.
    """
    results = {result.unique_id: result for result in all_results}
    answers, kept, odds = {}, {}, {}
    for example, features in _by_example(all_examples, all_features):
        spans: list[_Span] = []
        null = _Span(None, 0, 0, 0.0, 0.0)
        lowest = float("inf")
        for feature in features:
            result = results[feature.unique_id]
            starts, ends = _best(result.start_logits, n_best_size), _best(result.end_logits, n_best_size)
            here = _Span(None, 0, 0, float(result.start_logits[0]), float(result.end_logits[0]))
            if version_2_with_negative and here.score < lowest:
                lowest, null = here.score, here
            spans += [
                _Span(feature, start, end, float(result.start_logits[start]), float(result.end_logits[end]))
                for start in starts
                for end in ends
                if _may_be(feature, start, end, max_answer_length)
            ]
        spans = sorted([*spans, null] if version_2_with_negative else spans, key=lambda span: -span.score)
        best = _texts(example, spans, n_best_size, do_lower_case, tokenizer)
        if version_2_with_negative:
            if not any(answer.text == "" for answer in best):
                best.append(_Answer("", null.start_logit, null.end_logit))
            if len(best) == 1:
                best.insert(0, _Answer("empty", 0.0, 0.0))
        best = best or [_Answer("empty", 0.0, 0.0)]
        kept[example.qas_id] = _with_probabilities(best, "start_logit", "end_logit")
        answers[example.qas_id] = best[0].text
        if version_2_with_negative:
            first = next(answer for answer in best if answer.text)
            odds[example.qas_id] = lowest - first.start_logit - first.end_logit
            answers[example.qas_id] = "" if odds[example.qas_id] > null_score_diff_threshold else first.text
    _write(output_prediction_file, answers)
    _write(output_nbest_file, kept)
    if version_2_with_negative:
        _write(output_null_log_odds_file, odds)
    return answers


def compute_predictions_log_probs(
    all_examples: Sequence[SquadExample],
    all_features: Sequence[SquadFeatures],
    all_results: Sequence[SquadResult],
    n_best_size: int,
    max_answer_length: int,
    output_prediction_file: str | None,
    output_nbest_file: str | None,
    output_null_log_odds_file: str | None,
    start_n_top: int,
    end_n_top: int,
    version_2_with_negative: bool,
    tokenizer: Any,
    verbose_logging: bool,
) -> dict[str, str]:
    """The same of models that rank starts, and ends for each of these (XLNet, XLM).

    Args:
        start_n_top, end_n_top: how many of both a result has.
    """
    results = {result.unique_id: result for result in all_results}
    answers, kept, odds = {}, {}, {}
    lower = getattr(tokenizer, "do_lower_case", getattr(tokenizer, "do_lowercase_and_remove_accent", False))
    for example, features in _by_example(all_examples, all_features):
        spans, null = [], 1_000_000.0
        for feature in features:
            result = results[feature.unique_id]
            null = min(null, float(result.cls_logits))
            for i in range(start_n_top):
                for j in range(i * end_n_top, (i + 1) * end_n_top):
                    start, end = int(result.start_top_index[i]), int(result.end_top_index[j])
                    inside = start < feature.paragraph_len - 1 and end < feature.paragraph_len - 1
                    if inside and _may_be(feature, start, end, max_answer_length):
                        spans.append(_Span(feature, start, end, float(result.start_logits[i]), float(result.end_logits[j])))
        spans.sort(key=lambda span: -span.score)
        best = _texts(example, spans, n_best_size, lower, tokenizer) or [_Answer("", -1e6, -1e6)]
        kept[example.qas_id] = _with_probabilities(best, "start_log_prob", "end_log_prob")
        odds[example.qas_id], answers[example.qas_id] = null, best[0].text
    _write(output_prediction_file, answers)
    _write(output_nbest_file, kept)
    if version_2_with_negative:
        _write(output_null_log_odds_file, odds)
    return answers


def get_final_text(pred_text: str, orig_text: str, do_lower_case: bool, verbose_logging: bool = False) -> str:
    """The part of `orig_text` that `pred_text`, its tokens joined by blanks, stands for; all of it where none is found.

    Args:
        do_lower_case: whether the tokens lost case and accents. verbose_logging: of older scripts.
    """
    spelled = " ".join(_words(orig_text, do_lower_case))
    start = spelled.find(pred_text)
    if start < 0:
        return orig_text
    ours, theirs = ([place for place, letter in enumerate(text) if letter != " "] for text in (orig_text, spelled))
    if len(ours) != len(theirs):
        return orig_text
    same = dict(zip(theirs, ours, strict=True))
    end = start + len(pred_text) - 1
    if start not in same or end not in same:
        return orig_text
    return orig_text[same[start] : same[end] + 1]


def _words(text: str, lower: bool) -> list[str]:
    normalized = BertNormalizer(lowercase=lower).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(normalized)]


def _by_example(
    examples: Sequence[SquadExample], features: Sequence[SquadFeatures]
) -> list[tuple[SquadExample, list[SquadFeatures]]]:
    windows = defaultdict(list)
    for feature in features:
        windows[feature.example_index].append(feature)
    return [(example, windows[place]) for place, example in enumerate(examples)]


def _best(logits: Any, number: int) -> list[int]:
    values = list(logits)
    return sorted(range(len(values)), key=lambda place: -values[place])[:number]


def _may_be(feature: SquadFeatures, start: int, end: int, longest: int) -> bool:
    """Whether a span lies in the paragraph, is not too long, and begins where no other window shows more around it."""
    inside = start in feature.token_to_orig_map and end in feature.token_to_orig_map
    return inside and feature.token_is_max_context.get(start, False) and start <= end < start + longest


def _texts(example: SquadExample, spans: list[_Span], number: int, lower: bool, tokenizer: Any) -> list[_Answer]:
    """The first different texts of spans."""
    answers: dict[str, _Answer] = {}
    for span in spans:
        if len(answers) >= number:
            break
        text = "" if span.feature is None or not span.start else _text(example, span, lower, tokenizer)
        answers.setdefault(text, _Answer(text, span.start_logit, span.end_logit))
    return list(answers.values())


def _text(example: SquadExample, span: _Span, lower: bool, tokenizer: Any) -> str:
    feature: Any = span.feature
    tokens = feature.tokens[span.start : span.end + 1]
    words = example.doc_tokens[feature.token_to_orig_map[span.start] : feature.token_to_orig_map[span.end] + 1]
    spelled = " ".join(_joined(tokens, tokenizer).split())
    return get_final_text(spelled, " ".join(words), lower)


def _joined(tokens: list[str], tokenizer: Any) -> str:
    if tokenizer.convert_tokens_to_string(["a", "##b"]) == "ab":  # word pieces: its decoder would pull marks to words
        return " ".join(tokens).replace(" ##", "")
    return str(tokenizer.convert_tokens_to_string(tokens))


def _with_probabilities(best: list[_Answer], start: str, end: str) -> list[dict[str, Any]]:
    scores = [answer.start_logit + answer.end_logit for answer in best]
    weights = [exp(score - max(scores)) for score in scores]
    return [
        {"text": answer.text, "probability": weight / sum(weights), start: answer.start_logit, end: answer.end_logit}
        for answer, weight in zip(best, weights, strict=True)
    ]


def _write(path: str | None, value: Any) -> None:
    if path:
        write_text(path, json.dumps(value, indent=4) + "\n")
