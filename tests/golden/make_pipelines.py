"""Writes pipelines.json: answers of pipelines that the current release of the reference no longer has.

Run with release 4.46.3 of it, from the folder `tests`, with `src` on the path:

    PYTHONPATH=../src:. python golden/make_pipelines.py
"""

import json
from pathlib import Path
from typing import Any

import transformers
from kit import checkpoints

TEXTS = checkpoints.TEXTS
CONTEXT = TEXTS[2]
LONG = " ".join([TEXTS[0], TEXTS[5], TEXTS[2], TEXTS[3]])

QUESTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"question": question, "context": context}, options)
    for question in ("Where is Paris?", "The name of the fox")
    for context in (CONTEXT, LONG)
    for options in (
        {},
        {"top_k": 3, "max_answer_len": 4, "align_to_words": False},
        {"max_seq_len": 40, "doc_stride": 10},
        {"max_seq_len": 35, "doc_stride": 5, "top_k": 2},
        {"handle_impossible_answer": True},
        {"align_to_words": False, "max_answer_len": 30},
    )
]

WRITING: list[tuple[str, Any, dict[str, Any]]] = [
    ("text2text-generation", TEXTS[0], {"max_new_tokens": 6}),
    ("text2text-generation", TEXTS[:3], {"max_new_tokens": 6}),
    ("text2text-generation", TEXTS[1], {"max_new_tokens": 6, "return_tensors": True}),
    ("text2text-generation", LONG, {"max_new_tokens": 3, "truncation": True}),
    ("summarization", TEXTS[0], {}),
    ("summarization", TEXTS[:2], {"max_length": 5, "min_length": 2}),
    ("translation_en_to_fr", TEXTS[0], {}),
    ("translation_en_to_fr", TEXTS[:2], {"max_length": 12}),
    ("translation_en_to_fr", TEXTS[1], {"return_tensors": True}),
]


def plain(value: Any) -> Any:
    """Tensors as lists."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def main() -> None:
    qa = transformers.pipeline("question-answering", str(checkpoints.fixed_bert_qa()), device="cpu")
    answers: dict[str, Any] = {"transformers": transformers.__version__}
    answers["question-answering"] = [plain(qa(**inputs, **options)) for inputs, options in QUESTIONS]
    answers["writing"] = []
    for task, inputs, options in WRITING:
        made = transformers.pipeline(task, str(checkpoints.fixed_t5()), device="cpu")
        answers["writing"].append(plain(made(inputs, num_beams=1, do_sample=False, **options)))
    Path(__file__).with_name("pipelines.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
