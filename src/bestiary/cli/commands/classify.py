"""`bestiary classify`: labels of texts or images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console, streams
from ..options import Json, Opening

_TASKS = ("text-classification", "zero-shot-classification", "image-classification", "zero-shot-image-classification")


def run(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Texts, or image files; without any (or with -) lines of stdin.")
    ] = None,
    *,
    opening: Opening,
    file: Annotated[Path | None, typer.Option(help="A file with an input on each line.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Choose among these labels instead of the model's; repeat it.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="How many labels to print for each input.")] = 1,
    json: Json = False,
) -> None:
    """Print the likeliest labels of each input, texts or images as the model reads: lines of input, label, score."""
    items = streams.texts(inputs or [], file, "texts or image files")
    pipeline = opening.pipeline(_task(opening.model, opening.revision, bool(label)))
    with console.working(f"classifying {len(items)} inputs"):
        if label:
            answers = [_ranked(pipeline(one, candidate_labels=label))[:top_k] for one in items]
        else:
            answers = pipeline(items, top_k=top_k)
    if json:
        for one, answer in zip(items, answers, strict=True):
            console.write_json({"input": one, "labels": [dict(entry) for entry in answer]})
        return
    rows = [
        (one, entry["label"], f"{entry['score']:.4f}") for one, answer in zip(items, answers, strict=True) for entry in answer
    ]
    console.table(rows, ("input", "label", "score"))


def _task(model: str, revision: str | None, labels: bool) -> str:
    from ...pipelines.opening import get_task

    task = get_task(model, revision=revision)
    if task not in _TASKS:
        what = f"{model} is a model for {task}, which classifies no texts and no images"
        raise typer.BadParameter(what, param_hint="--model")
    if task.startswith("zero-shot") and not labels:
        raise typer.BadParameter(f"{model} has no labels of its own ({task}): name them with --label")
    return "zero-shot-classification" if labels and task == "text-classification" else task


def _ranked(answer: Any) -> list[dict[str, Any]]:
    """A list of labels with scores; the zero-shot pipeline of texts gives two parallel lists."""
    if isinstance(answer, dict):
        return [{"label": name, "score": score} for name, score in zip(answer["labels"], answer["scores"], strict=True)]
    return list(answer)
