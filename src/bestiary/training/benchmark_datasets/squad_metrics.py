"""The published evaluation of SQuAD: exact match and F1, apart for questions with and without an answer, and thresholds."""

from collections.abc import Collection, Mapping, Sequence

from ..metrics.answers import best_of, normalize_answer
from .squad_examples import SquadExample

Scores = dict[str, float]


def squad_evaluate(
    examples: Sequence[SquadExample],
    preds: Mapping[str, str],
    no_answer_probs: Mapping[str, float] | None = None,
    no_answer_probability_threshold: float = 1.0,
) -> Scores:
    """exact, f1 and total (in percent, and a number), the same for questions that have an answer (`HasAns_`) and those that
    have none (`NoAns_`), and the best thresholds (`best_`).

    Args:
        preds: question -> answer; questions without one are left out. no_answer_probs: how surely there is none; where it is
        more than `no_answer_probability_threshold`, the answer is that there is none.
    """
    has = {example.qas_id: bool(example.answers) for example in examples}
    none = dict.fromkeys(preds, 0.0) if no_answer_probs is None else no_answer_probs
    exact, f1 = get_raw_scores(examples, preds)
    decided = [apply_no_ans_threshold(raw, none, has, no_answer_probability_threshold) for raw in (exact, f1)]
    scores = make_eval_dict(decided[0], decided[1])
    for prefix, wanted in (("HasAns", True), ("NoAns", False)):
        if names := [name for name, answered in has.items() if answered is wanted]:
            merge_eval(scores, make_eval_dict(decided[0], decided[1], names), prefix)
    if none:
        find_all_best_thresh(scores, preds, exact, f1, none, has)
    return scores


def get_raw_scores(examples: Sequence[SquadExample], preds: Mapping[str, str]) -> tuple[Scores, Scores]:
    """Exact match and F1 (0..1) of each question that has a prediction, with the answer that fits best."""
    exact: Scores = {}
    f1: Scores = {}
    for example in examples:
        if example.qas_id in preds:
            golds = [answer["text"] for answer in example.answers if normalize_answer(answer["text"])]
            exact[example.qas_id], f1[example.qas_id] = best_of(golds, preds[example.qas_id])
    return exact, f1


def apply_no_ans_threshold(
    scores: Mapping[str, float], na_probs: Mapping[str, float], qid_to_has_ans: Mapping[str, bool], na_prob_thresh: float
) -> Scores:
    """The scores where a question counts as without answer if its probability of that is above the threshold."""
    return {
        name: float(not qid_to_has_ans[name]) if na_probs[name] > na_prob_thresh else score for name, score in scores.items()
    }


def make_eval_dict(
    exact_scores: Mapping[str, float], f1_scores: Mapping[str, float], qid_list: Collection[str] | None = None
) -> Scores:
    """Means of both in percent, of these questions or all, and their number."""
    names = list(exact_scores) if qid_list is None else list(qid_list)
    mean = {
        name: 100.0 * sum(scores[each] for each in names) / len(names)
        for name, scores in (("exact", exact_scores), ("f1", f1_scores))
    }
    return {**mean, "total": len(names)}


def merge_eval(main_eval: Scores, new_eval: Mapping[str, float], prefix: str) -> None:
    """Put `new_eval` into `main_eval`, each name after the prefix."""
    main_eval |= {f"{prefix}_{name}": value for name, value in new_eval.items()}


def find_best_thresh(
    preds: Mapping[str, str], scores: Mapping[str, float], na_probs: Mapping[str, float], qid_to_has_ans: Mapping[str, bool]
) -> tuple[float, float]:
    """The best mean score in percent that a threshold on the probability of no answer reaches, and that threshold."""
    return find_best_thresh_v2(preds, scores, na_probs, qid_to_has_ans)[:2]


def find_best_thresh_v2(
    preds: Mapping[str, str], scores: Mapping[str, float], na_probs: Mapping[str, float], qid_to_has_ans: Mapping[str, bool]
) -> tuple[float, float, float]:
    """The same, and the mean score (0..1) of questions that have an answer."""
    now = best = float(sum(not has for has in qid_to_has_ans.values()))
    threshold = 0.0
    for name in sorted(na_probs, key=lambda name: na_probs[name]):
        if name in scores:
            now += scores[name] if qid_to_has_ans[name] else -1.0 if preds[name] else 0.0
            if now > best:
                best, threshold = now, na_probs[name]
    answered = [scores[name] for name in na_probs if name in scores and qid_to_has_ans[name]]
    return 100.0 * best / len(scores), threshold, sum(answered) / len(answered) if answered else 0.0


def find_all_best_thresh(
    main_eval: Scores,
    preds: Mapping[str, str],
    exact_raw: Mapping[str, float],
    f1_raw: Mapping[str, float],
    na_probs: Mapping[str, float],
    qid_to_has_ans: Mapping[str, bool],
) -> None:
    """Put best_exact, best_exact_thresh, best_f1 and best_f1_thresh into `main_eval`."""
    for name, raw in (("exact", exact_raw), ("f1", f1_raw)):
        threshold = find_best_thresh(preds, raw, na_probs, qid_to_has_ans)
        main_eval[f"best_{name}"], main_eval[f"best_{name}_thresh"] = threshold


def find_all_best_thresh_v2(
    main_eval: Scores,
    preds: Mapping[str, str],
    exact_raw: Mapping[str, float],
    f1_raw: Mapping[str, float],
    na_probs: Mapping[str, float],
    qid_to_has_ans: Mapping[str, bool],
) -> None:
    """The same, with has_ans_exact and has_ans_f1."""
    for name, raw in (("exact", exact_raw), ("f1", f1_raw)):
        best, threshold, answered = find_best_thresh_v2(preds, raw, na_probs, qid_to_has_ans)
        main_eval |= {f"best_{name}": best, f"best_{name}_thresh": threshold, f"has_ans_{name}": answered}
