"""How Depth Pro's checkpoints want their images, and its depths in metres."""

from typing import Any

import numpy as np

from ...core.errors import InputError
from ...preprocess.batch import BatchFeature
from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.segmentation import Sizes, sizes_of
from ...preprocess.image.standard import StandardImageProcessor

MODES = {0: "nearest", 2: "bilinear", 3: "bicubic"}


class DepthProImageProcessor(StandardImageProcessor):
    """In -1..1, then 1536 x 1536 bilinear, not smoothed where it becomes smaller, as published."""

    size: Size = edges(height=1536, width=1536)

    def _preprocess(self, images: list[np.ndarray], **settings: Any) -> BatchFeature:  # type: ignore[override]
        """Levels first, so that nothing is rounded to eight bits."""
        size, resizes = settings["size"], settings["do_resize"]
        factor = settings["rescale_factor"] if settings["do_rescale"] else None
        levels = factor, settings["do_normalize"], settings["image_mean"], settings["image_std"]
        images = [self._leveled(image, *levels) for image in images]
        if resizes:
            sizes = [self.output_size(image.shape[1], image.shape[2], size) for image in images]
            images = [self._scaled(image, to, settings["resample"]) for image, to in zip(images, sizes, strict=True)]
        settings |= {"do_resize": False, "do_rescale": False, "do_normalize": False}
        return super()._preprocess(images, **settings)

    def _scaled(self, image: np.ndarray, size: tuple[int, int], resample: int | None) -> np.ndarray:
        """`image` (C, Y, X) in another height and width.

        Raises:
            InputError: a filter that is none of `MODES`.
        """
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None]
        made: np.ndarray = torch.nn.functional.interpolate(pixels, size, **self._interpolation(resample))[0].numpy()
        return made

    def _interpolation(self, resample: int | None) -> dict[str, Any]:
        mode = MODES.get(2 if resample is None else int(resample))
        if mode is None:
            raise InputError(f"resample is {resample}; these images are resized by one of {MODES}")
        return {"mode": mode} if mode == "nearest" else {"mode": mode, "align_corners": False}

    def post_process_depth_estimation(self, outputs: Any, target_sizes: Sizes = None) -> list[dict[str, Any]]:
        """`[{"predicted_depth": (Y, X), "field_of_view", "focal_length"}, ...]`, in metres, of the sizes in `target_sizes`.

        The field of view is in degrees, the focal length in pixels of that size; each is None where there is nothing to tell
        it from, and depths then are those of an image as wide as it is far away.

        Args:
            outputs: a model's, with `predicted_depth` (B, y, x) and perhaps `field_of_view` (B,). target_sizes: height and
                width of each image.

        Raises:
            InputError: not one size for each image.
        """
        import torch

        maps, angles = outputs.predicted_depth, getattr(outputs, "field_of_view", None)
        angles = [None] * len(maps) if angles is None else angles
        results = []
        for depth, angle, size in zip(maps, angles, sizes_of(target_sizes, len(maps)), strict=True):
            focal = None
            if size is not None:
                height, width = map(int, size)
                if angle is not None:
                    focal = 0.5 * width / torch.tan(0.5 * torch.deg2rad(angle))
                    depth = depth * width / focal
                how = self._interpolation(self.resample)
                depth = torch.nn.functional.interpolate(depth[None, None], size=(height, width), **how)[0, 0]
            results.append({"predicted_depth": 1 / depth.clamp(1e-4, 1e4), "field_of_view": angle, "focal_length": focal})
        return results


DepthProImageProcessorFast = DepthProImageProcessor
