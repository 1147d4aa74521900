"""`bestiary see`: what a model sees in pictures, printed and drawn on them."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import FileMissing, SaveError
from .. import console
from ..options import Json, Opening


def run(
    pictures: Annotated[list[Path], typer.Argument(help="Image files.")],
    *,
    opening: Opening,
    task: Annotated[str | None, typer.Option(help="What to look for. By default what the model is for.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Choose among these labels instead of the model's; repeat it.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave out objects and segments with lower scores.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The PNG, or for several pictures a folder. By default NAME.seen.png here."),
    ] = None,
    json: Json = False,
) -> None:
    """Print what is seen in each picture, and write it drawn on the picture: labels, boxes, masks with a legend, depth.

    With the task image-to-image the picture that the model makes is written.
    """
    for picture in pictures:
        if not picture.is_file():
            raise FileMissing(f"there is no file {picture}")
    targets = _targets(pictures, output)
    chosen = _task(opening, task, bool(label))
    limit = "pred_iou_thresh" if chosen == "mask-generation" else "threshold"
    call: dict[str, Any] = {} if threshold is None else {limit: threshold}
    if chosen.startswith("zero-shot"):
        call["candidate_labels"] = label
    pipeline = opening.pipeline(chosen)
    from ...preprocess.image.reading import load_image

    for picture, target in console.tracked(list(zip(pictures, targets, strict=True)), "looking", len(pictures)):
        image = load_image(picture)
        answer = pipeline(image, **call)
        answer = _segments(answer) if chosen == "mask-generation" else answer
        drawing = _drawn(chosen, image, answer)
        try:
            drawing.save(target, format="PNG")
        except OSError as error:
            raise SaveError(f"{target} cannot be written ({error})") from error
        _show(picture, target, _facts(answer), json)


def _targets(pictures: list[Path], output: Path | None) -> list[Path]:
    """Where each drawing goes; none replaces a picture that is read or another drawing."""
    if len(pictures) == 1 and output is not None and not output.is_dir():
        targets = [output]
    else:
        if output is not None and not output.is_dir():
            raise typer.BadParameter(f"{output} is no folder, and there are {len(pictures)} pictures", param_hint="--output")
        targets = [(output or Path()) / f"{picture.stem}.seen.png" for picture in pictures]
    taken = {picture.resolve() for picture in pictures}
    for target in targets:
        if target.resolve() in taken:
            raise typer.BadParameter(f"{target} is one of the pictures, or of another's drawing", param_hint="--output")
        if target.suffix.lower() != ".png":
            raise typer.BadParameter(f"drawings are PNG files; {target} ends otherwise", param_hint="--output")
        taken.add(target.resolve())
    return targets


def _task(opening: Opening, task: str | None, labels: bool) -> str:
    from ...pipelines.opening import get_task

    chosen = task or get_task(opening.model, revision=opening.revision)
    if chosen not in _DRAWINGS:
        what = f"{opening.model} is a model for {chosen}" if task is None else f"{task} is not a way of looking at one picture"
        raise typer.BadParameter(f"{what}; expected one of {', '.join(_DRAWINGS)}", param_hint="--task")
    if chosen.startswith("zero-shot") != labels:
        said = (
            f"{chosen} takes labels: name them with --label"
            if not labels
            else f"{chosen} has its own labels; leave out --label"
        )
        raise typer.BadParameter(said, param_hint="--label")
    return chosen


def _drawn(task: str, image: Any, answer: Any) -> Any:
    """The picture with its answer drawn on it, or the answer where that is a picture."""
    if task == "image-to-image":
        return answer
    from ... import draw

    drawing = getattr(draw, _DRAWINGS[task])
    return drawing(answer["predicted_depth"]) if task == "depth-estimation" else drawing(image, answer)


def _segments(answer: Any) -> list[dict[str, Any]]:
    """The masks of `mask-generation` as those of `image-segmentation`, their numbers as labels."""
    from PIL import Image

    masks = [Image.fromarray(mask) for mask in answer["masks"]]
    scored = zip(masks, answer["scores"].tolist(), strict=True)
    return [{"label": str(number), "score": score, "mask": mask} for number, (mask, score) in enumerate(scored)]


_DRAWINGS = {
    "image-classification": "draw_labels",
    "zero-shot-image-classification": "draw_labels",
    "object-detection": "draw_boxes",
    "image-segmentation": "draw_masks",
    "mask-generation": "draw_masks",
    "depth-estimation": "draw_depth",
    "image-to-image": "",
}


def _facts(answer: Any) -> list[dict[str, Any]]:
    """Labels, scores and boxes, the part of the picture that a mask covers, the range of depth, the size of a new picture."""
    if hasattr(answer, "width"):
        return [{"label": f"{answer.width} x {answer.height} pixels", "width": answer.width, "height": answer.height}]
    if isinstance(answer, dict):
        depth = answer["predicted_depth"]
        return [
            {"label": name, "score": float(number)} for name, number in (("smallest", depth.min()), ("largest", depth.max()))
        ]
    facts = []
    for each in answer:
        kept = {name: value for name, value in each.items() if name in ("label", "score", "box")}
        share = {"share": round(sum(each["mask"].histogram()[1:]) / math.prod(each["mask"].size), 4)} if "mask" in each else {}
        facts.append(kept | share)
    return facts


def _show(picture: Path, target: Path, facts: list[dict[str, Any]], json: bool) -> None:
    if json:
        console.write_json({"picture": str(picture), "drawn": str(target), "answer": facts})
        return
    rows = [
        (
            str(picture),
            str(each.get("label")),
            "" if each.get("score") is None else f"{each['score']:.4f}",
            " ".join(str(side) for side in each["box"].values()) if "box" in each else _percent(each.get("share")),
        )
        for each in facts
    ]
    place = "share" if any("share" in each for each in facts) else "box"
    console.table(rows, ("picture", "label", "score", place))
    console.note(f"drawn in {target}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
