"""Images and the objects in them for models that find objects: annotations follow what happens to the pixels."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, ConfigError, InputError
from ...core.kinds import fits
from ...core.logging import warn_once
from ..batch import BatchFeature, TensorType, is_torch
from .base import channel_formats
from .panoptic import segments_of
from .reading import ChannelDimension, flat_list, to_array
from .standard import StandardImageProcessor
from .transforms import resize_map

FORMATS = ("coco_detection", "coco_panoptic")


class DetectionImageProcessor(StandardImageProcessor):
    """Images to `pixel_values` and `pixel_mask`, annotations to `labels`, predictions back to boxes in the image.

    With `do_convert_annotations` the boxes of labels are centers and sizes in 0..1 of the (padded) image, else corners in
    its pixels. `format` is the form of annotations, "coco_detection" or "coco_panoptic", whose labels have masks too.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values", "pixel_mask"]
    attribute_map: ClassVar[dict[str, str]] = {"pad_and_return_pixel_mask": "do_pad"}

    do_pad: bool | None = True
    do_convert_annotations: bool = True
    format: str = "coco_detection"

    def validate(self) -> None:
        longest = self.__dict__.pop("max_size", None)  # where older files have the limit of the longer edge
        if isinstance(self.size, int):
            self.size = {"shortest_edge": self.size, "longest_edge": longest}
        super().validate()
        if self.do_center_crop:
            warn_once("no-crop", f"{type(self).__name__} crops nothing, for objects could be lost: do_center_crop is not used")
            self.do_center_crop = None
        if self.format not in FORMATS:
            raise ConfigError(f"format is {self.format!r:.80}; expected {' or '.join(FORMATS)}")

    def preprocess(
        self,
        images: Any,
        annotations: Any = None,
        *,
        masks_path: Any = None,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """As every image processor; with `annotations` also `labels`, a dictionary for each image.

        Args:
            annotations: of each image (or of the one) a dictionary with `image_id` and `annotations`, a list of objects with
                `bbox` (left, top, width, height in pixels), `category_id`, `area` and `iscrowd`, as in COCO (Lin et al. 2014);
                with `format="coco_panoptic"` as `panoptic.segments_of` says.
            masks_path: the folder with the PNGs of panoptic annotations.

        Raises:
            InputError: annotations that are not so, or not one for each image.
        """
        call = self.with_overrides(overrides)
        data_format, source_format = channel_formats(data_format, input_data_format)
        arrays = [to_array(x, bool(call.do_convert_rgb), source_format, i) for i, x in enumerate(flat_list(images))]
        options = {"return_tensors": return_tensors, "data_format": data_format, "device": device, **overrides}
        batch = super().preprocess(arrays, input_data_format=ChannelDimension.LAST, **options)
        if annotations is None:
            return batch
        listed = [annotations] if isinstance(annotations, Mapping) else annotations
        if not isinstance(listed, Sequence) or len(listed) != len(arrays):
            raise InputError(
                f"annotations must be a dictionary for each image; found {_describe(listed)} for {len(arrays)} images"
            )
        originals = [(array.shape[0], array.shape[1]) for array in arrays]
        target: Any = call.size
        sizes = [call.output_size(*size, target) if call.do_resize else size for size in originals]
        canvas: Any = call.pad_size or {"height": max(y for y, _ in sizes), "width": max(x for _, x in sizes)}
        padded = (canvas["height"], canvas["width"])
        rows = zip(listed, originals, sizes, strict=True)
        objects = [call._label(each, old, new, padded if call.do_pad else new, masks_path) for each, old, new in rows]
        labels = [BatchFeature(each, return_tensors) for each in objects]
        batch["labels"] = labels if device is None else [each.to(device) for each in labels]
        return batch

    def _label(
        self,
        annotation: Any,
        original: tuple[int, int],
        resized: tuple[int, int],
        final: tuple[int, int],
        masks_path: Any,
    ) -> dict[str, Any]:
        """The label of an image of such heights and widths; objects outside of it and crowds are left out."""
        is_panoptic = self.format == "coco_panoptic"
        objects = segments_of(annotation, masks_path, original) if is_panoptic else objects_of(annotation, original)
        label = self.resize_annotation(objects, original, resized)
        if is_panoptic:
            below, right = final[0] - resized[0], final[1] - resized[1]
            label["masks"] = np.pad(label["masks"], ((0, 0), (0, below), (0, right)))
        if self.do_convert_annotations:
            label = self.normalize_annotation(label, final)
        return label | {"size": np.asarray(final, np.int64)}

    def prepare_annotation(
        self,
        image: Any,
        target: Any,
        format: str | None = None,
        masks_path: Any = None,
        input_data_format: str | None = None,
    ) -> dict[str, Any]:
        """What an annotation says of the objects in `image`, their boxes as corners in its pixels.

        Raises:
            ArgumentError: a format that is none. InputError: the annotation is none.
        """
        chosen = self.format if format is None else format
        check_format(chosen)
        rows = to_array(image, False, input_data_format)
        size = rows.shape[0], rows.shape[1]
        return segments_of(target, masks_path, size) if chosen == "coco_panoptic" else objects_of(target, size)

    def resize_annotation(
        self, annotation: Mapping[str, Any], orig_size: Sequence[int], target_size: Sequence[int]
    ) -> dict[str, Any]:
        """The annotation of an image whose height and width become `target_size`."""
        down, across = (float(new) / float(old) for new, old in zip(target_size, orig_size, strict=True))
        boxes = annotation["boxes"] * np.asarray([across, down, across, down], np.float32)
        resized = {"size": target_size, **annotation, "boxes": boxes, "area": annotation["area"] * (across * down)}
        if "masks" in annotation:
            height, width = map(int, target_size)
            masks = [resize_map(each, height, width) != 0 for each in annotation["masks"]]
            resized["masks"] = np.stack(masks) if masks else np.zeros((0, height, width), bool)
        return resized

    def normalize_annotation(self, annotation: Mapping[str, Any], image_size: Sequence[int]) -> dict[str, Any]:
        """The annotation with centers and sizes in 0..1 of `image_size`, height and width, in the place of corners."""
        boxes = annotation["boxes"]
        boxes = np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), axis=1)
        height, width = image_size
        return {**annotation, "boxes": boxes / np.asarray([width, height, width, height], np.float32)}

    def post_process_object_detection(
        self, outputs: Any, threshold: float = 0.5, target_sizes: Any = None
    ) -> list[dict[str, Any]]:
        """The objects in each image: `scores` and `labels` (M,), `boxes` (M, 4), corners.

        Args:
            outputs: a detector's, with `logits` (B, Q, N+1) and `pred_boxes` (B, Q, 4).
            threshold: objects with lower scores are left out.
            target_sizes: height and width of each image, a list of pairs or a tensor (B, 2); without them, boxes are in 0..1.

        Raises:
            InputError: not one size for each image. ArgumentError: the threshold is no number.
        """
        scores, labels = outputs.logits.softmax(-1)[..., :-1].max(-1)
        return objects_above(threshold, scores, labels, outputs.pred_boxes, target_sizes)


def objects_above(threshold: Any, scores: Any, labels: Any, boxes: Any, target_sizes: Any) -> list[dict[str, Any]]:
    """For each image those of its objects (B, M) whose scores are higher, boxes (B, M, 4) as corners in the picture.

    Raises:
        InputError: not one size for each image. ArgumentError: the threshold is no number.
    """
    import torch

    threshold = check_threshold(threshold)
    if target_sizes is not None and len(target_sizes) != len(scores):
        raise InputError(f"target_sizes holds {len(target_sizes)} sizes for {len(scores)} images")
    corners = torch.cat((boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2), dim=-1)
    if target_sizes is not None:
        sizes = torch.as_tensor(target_sizes, device=corners.device)
        corners = corners * sizes.flip(1).repeat(1, 2)[:, None]
    rows = zip(scores, labels, corners, strict=True)
    return [{"scores": s[s > threshold], "labels": n[s > threshold], "boxes": c[s > threshold]} for s, n, c in rows]


def check_format(format: str) -> None:
    """Raise `ArgumentError` unless annotations of this form are read here."""
    if format not in FORMATS:
        raise ArgumentError(f"annotations of format {str(format)!r:.80} are not read here; pass format={' or '.join(FORMATS)}")


def objects_of(annotation: Any, size: tuple[int, int]) -> dict[str, Any]:
    """The visible objects of an annotation of an image of this height and width; boxes are corners in its pixels."""
    objects = read_objects(annotation)
    boxes = np.asarray([each["bbox"] for each in objects], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, size[1])
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, size[0])
    visible = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return {
        "image_id": np.asarray([annotation["image_id"]], np.int64),
        "class_labels": np.asarray([each["category_id"] for each in objects], np.int64)[visible],
        "boxes": boxes[visible],
        "area": np.asarray([each["area"] for each in objects], np.float32)[visible],
        "iscrowd": np.zeros(visible.sum(), np.int64),
        "orig_size": np.asarray(size, np.int64),
    }


def check_threshold(threshold: Any) -> float:
    """A threshold of scores as a number, which a tensor may hold; one that all scores or none exceed is told once.

    Raises:
        ArgumentError: says what it is.
    """
    number = threshold.item() if is_torch(threshold) and threshold.numel() == 1 else threshold
    if not fits(number, float):
        raise ArgumentError(f"threshold is {threshold!r:.80}; expected a probability, from 0 to 1")
    if not 0 <= number <= 1:
        which = "none of them is" if number > 1 else "all of them are"
        warn_once("threshold", f"threshold is {number}; scores of objects go from 0 to 1, so {which} above it")
    return float(number)


def read_objects(annotation: Any) -> list[Mapping[str, Any]]:
    """The objects of one image's annotation that are no crowds.

    Raises:
        InputError: names what is missing or not of its kind.
    """
    has_keys = isinstance(annotation, Mapping) and {"image_id", "annotations"} <= annotation.keys()
    if not has_keys or not isinstance(annotation["annotations"], list | tuple):
        raise InputError(
            f"an annotation is a dictionary with image_id and annotations (a list of objects); found {_describe(annotation)}"
        )
    objects = []
    for index, each in enumerate(annotation["annotations"]):
        which = f"object {index} of image {annotation['image_id']}"
        if not isinstance(each, Mapping):
            raise InputError(f"{which} is {each!r:.60}; expected a dictionary with bbox, category_id and area")
        missing = [name for name in ("bbox", "category_id", "area") if name not in each]
        if missing:
            raise InputError(f"{which} has no {', no '.join(missing)}")
        if not _is_box(each["bbox"]):
            raise InputError(f"{which} has the bbox {each['bbox']}; expected left, top, width and height")
        if not each.get("iscrowd", 0):
            objects.append(each)
    return objects


def _is_box(value: Any) -> bool:
    try:
        return np.asarray(value, np.float32).shape == (4,)
    except (TypeError, ValueError):
        return False


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dictionary with {', '.join(map(str, value)) or 'nothing'}"
    return f"{len(value)}" if isinstance(value, list | tuple) else repr(value)[:80]
