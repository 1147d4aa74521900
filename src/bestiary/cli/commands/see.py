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

    With the task image-to-image the picture that the model makes is written. For keypoint-matching the pictures are pairs, one
    after the other, and each pair is drawn side by side.
    """
    for picture in pictures:
        if not picture.is_file():
            raise FileMissing(f"there is no file {picture}")
    chosen = _task(opening, task, bool(label))
    seen: list[tuple[Path, ...]] = [(picture,) for picture in pictures]
    if chosen == "keypoint-matching":
        if len(pictures) % 2:
            raise typer.BadParameter(f"{chosen} takes pairs of pictures; found {len(pictures)}", param_hint="PICTURES")
        seen = list(zip(pictures[::2], pictures[1::2], strict=True))
    targets = _targets(seen, output)
    limit = "pred_iou_thresh" if chosen == "mask-generation" else "threshold"
    call: dict[str, Any] = {} if threshold is None else {limit: threshold}
    if chosen.startswith("zero-shot"):
        call["candidate_labels"] = label
    pipeline = opening.pipeline(chosen)
    from ...preprocess.image.reading import load_image

    for together, target in console.tracked(list(zip(seen, targets, strict=True)), "looking", len(seen)):
        images = tuple(load_image(picture) for picture in together)
        answer = pipeline(images if len(images) > 1 else images[0], **call)
        answer = _segments(answer) if chosen == "mask-generation" else answer
        drawing = _drawn(chosen, images, answer)
        try:
            drawing.save(target, format="PNG")
        except OSError as error:
            raise SaveError(f"{target} cannot be written ({error})") from error
        _show(" ".join(map(str, together)), target, _facts(answer), json)


def _targets(seen: list[tuple[Path, ...]], output: Path | None) -> list[Path]:
    """Where each drawing goes, of a picture or a pair; none replaces a picture that is read or another drawing."""
    pictures = [picture for together in seen for picture in together]
    if len(seen) == 1 and output is not None and not output.is_dir():
        targets = [output]
    else:
        if output is not None and not output.is_dir():
            raise typer.BadParameter(f"{output} is no folder, and there are {len(pictures)} pictures", param_hint="--output")
        names = ("-".join(picture.stem for picture in together) for together in seen)
        targets = [(output or Path()) / f"{name}.seen.png" for name in names]
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


def _drawn(task: str, images: tuple[Any, ...], answer: Any) -> Any:
    """The picture, or two side by side, with the answer drawn on it, or the answer where that is a picture."""
    if task == "image-to-image":
        return answer
    from ... import draw

    drawing = getattr(draw, _DRAWINGS[task])
    return drawing(answer["predicted_depth"]) if task == "depth-estimation" else drawing(*images, answer)


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
    "keypoint-matching": "draw_matches",
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
        if "keypoint_image_0" in each:
            points = [each[name] for name in ("keypoint_image_0", "keypoint_image_1")]
            kept |= {"points": [[point["x"], point["y"]] for point in points]}
        share = {"share": round(sum(each["mask"].histogram()[1:]) / math.prod(each["mask"].size), 4)} if "mask" in each else {}
        facts.append(kept | share)
    return facts


def _show(picture: str, target: Path, facts: list[dict[str, Any]], json: bool) -> None:
    if json:
        console.write_json({"picture": picture, "drawn": str(target), "answer": facts})
        return
    rows = [
        (
            picture,
            str(each.get("label", "")),
            "" if each.get("score") is None else f"{each['score']:.4f}",
            _place(each),
        )
        for each in facts
    ]
    place = next((name for name in ("share", "points") if any(name in each for each in facts)), "box")
    console.table(rows, ("picture", "label", "score", place))
    console.note(f"drawn in {target}")


def _place(fact: dict[str, Any]) -> str:
    """Where it is: the sides of a box, two points, or the part of the picture."""
    if "box" in fact:
        return " ".join(str(side) for side in fact["box"].values())
    if "points" in fact:
        return " - ".join(f"{x} {y}" for x, y in fact["points"])
    return f"{100 * fact['share']:.2f} %" if "share" in fact else ""
