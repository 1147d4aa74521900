"""Pairs of images, for models that match points of the two, and those points in pixels of the images themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.optional import require
from ..batch import BatchFeature, is_torch
from .grey import GreyBackend
from .pil_backend import Size, edges
from .reading import PILImageResampling, to_array


class PairBackend(GreyBackend):
    """480 x 640 bilinear, grey, pixels in 0..1, of a pair of images or a list of pairs: `pixel_values` (B, 2, C, Y, X)."""

    do_resize: bool = True
    size: Size = edges(height=480, width=640)
    default_to_square: bool = False
    resample: int = PILImageResampling.BILINEAR
    do_rescale: bool = True
    do_grayscale: bool = True

    def preprocess(self, images: Any, **options: Any) -> BatchFeature:
        """`pixel_values` of one pair of images or of a list of pairs, else as `PilBackend.preprocess`.

        Raises:
            InputError: no pairs, or images of different sizes that were to be stacked.
        """
        return super().preprocess([image for pair in pairs_of(images) for image in pair], **options)

    def _preprocess(self, images: list[np.ndarray], *args: Any, return_tensors: Any = None, **settings: Any) -> BatchFeature:
        pixels = super()._preprocess(images, *args, **settings)["pixel_values"]
        pairs: list[Any] = [pixels[place : place + 2] for place in range(0, len(pixels), 2)]
        if return_tensors is not None:
            sizes = {image.shape for image in pixels}
            if len(sizes) > 1:
                raise InputError(f"images of {len(sizes)} sizes ({sorted(sizes)[:3]}) cannot be stacked; resize them")
            pairs = [np.stack(pair) for pair in pairs]
        return BatchFeature({"pixel_values": pairs}, return_tensors)

    def post_process_keypoint_matching(self, outputs: Any, target_sizes: Any, threshold: float = 0.0) -> list[dict[str, Any]]:
        """Of each pair `keypoints0` and `keypoints1` (N, 2), x and y in whole pixels of the images, and `matching_scores` (N,).

        Args:
            outputs: what the model gave. target_sizes: height and width of both images of each pair, (B, 2, 2).
            threshold: matches that score no more are left out.

        Raises:
            InputError: other sizes than two for each pair.
        """
        sizes = sizes_of_pairs(target_sizes, len(outputs.mask)).to(outputs.keypoints.device)
        points = (outputs.keypoints * sizes.flip(-1)[:, :, None]).int()
        results = []
        for real, (first, second), places, scores in zip(
            outputs.mask[:, 0].bool(), points, outputs.matches[:, 0], outputs.matching_scores[:, 0], strict=True
        ):
            kept = real & (places > -1) & (scores > threshold)
            results.append({"keypoints0": first[kept], "keypoints1": second[places[kept]], "matching_scores": scores[kept]})
        return results

    def visualize_keypoint_matching(self, images: Any, keypoint_matching_output: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Of each pair a Pillow image with both side by side and a line between each two points that match.

        Args:
            images: those that `preprocess` got. keypoint_matching_output: what `post_process_keypoint_matching` gave.
        """
        from ...draw import draw_matches

        pairs = pairs_of(images)
        if len(pairs) != len(keypoint_matching_output):
            raise InputError(f"{len(pairs)} pairs of images and answers for {len(keypoint_matching_output)}")
        return [
            draw_matches(*(drawable(image) for image in pair), named_matches(found))
            for pair, found in zip(pairs, keypoint_matching_output, strict=True)
        ]


def drawable(image: Any) -> Any:
    """Any image, of levels to 255 or, of floats, to 1, as a Pillow image in RGB."""
    pixels = to_array(image, True, None)
    levels = pixels * 255.0 if pixels.dtype.kind == "f" and pixels.max() <= 1 else pixels
    return require("PIL.Image", "drawing pictures").fromarray(np.rint(levels).clip(0, 255).astype(np.uint8))


def named_matches(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `post_process_keypoint_matching` gave for a pair as `draw_matches` takes it, the best match first."""
    sides = [[{"x": x, "y": y} for x, y in found[name].tolist()] for name in ("keypoints0", "keypoints1")]
    matches = [
        {"keypoint_image_0": first, "keypoint_image_1": second, "score": score}
        for first, second, score in zip(*sides, found["matching_scores"].tolist(), strict=True)
    ]
    return sorted(matches, key=lambda match: -float(match["score"]))


def pairs_of(images: Any) -> list[Any]:
    """A pair of images, or a list of pairs, as a list of pairs; arrays (2, ...) and (B, 2, ...) are taken too.

    Raises:
        InputError: neither.
    """
    if is_pair(images):
        return [images]
    if (isinstance(images, list | tuple) or _axes(images) == 5) and len(images) and all(map(is_pair, images)):
        return list(images)
    found = f"{len(images)} images" if isinstance(images, list | tuple) else type(images).__name__
    raise InputError(f"expected a pair of images or a list of pairs; found {found}")


def is_pair(value: Any) -> bool:
    """Whether `value` holds two images."""
    if _axes(value):
        return _axes(value) == 4 and len(value) == 2
    is_list = isinstance(value, list | tuple) and len(value) == 2
    return is_list and not any(isinstance(image, list | tuple) or _axes(image) > 3 for image in value)


def _axes(value: Any) -> int:
    return int(value.ndim) if isinstance(value, np.ndarray) or is_torch(value) else 0


def sizes_of_pairs(sizes: Any, count: int) -> Any:
    """Heights and widths of both images of `count` pairs as a tensor (B, 2, 2).

    Raises:
        InputError: they are others.
    """
    import torch

    try:
        found = sizes if isinstance(sizes, torch.Tensor) else torch.tensor(sizes)
    except (TypeError, ValueError) as error:
        raise InputError(f"target_sizes is {sizes!r:.80}; expected height and width of both images of each pair") from error
    if found.shape != (count, 2, 2):
        raise InputError(
            f"target_sizes has shape {tuple(found.shape)}; expected height and width of both images of {count} pairs, (B, 2, 2)"
        )
    return found
