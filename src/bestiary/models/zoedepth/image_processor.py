"""How ZoeDepth's checkpoints want their images: mirrored at the edges, scaled to multiples of 32."""

import math
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.kinds import Positive
from ...preprocess.image.multiples import MultiplesImageProcessor
from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.segmentation import Sizes, sizes_of


def border(edge: int) -> int:
    """How many mirrored rows, or columns, stand on each side of an image with so many."""
    return int(math.sqrt(edge / 2) * 3)


class ZoeDepthImageProcessor(MultiplesImageProcessor):
    """384 x 512 bilinear (corners stay corners), proportions kept, mean and deviation 0.5."""

    size: Size = edges(height=384, width=512)
    do_pad: bool | None = True
    keep_aspect_ratio: bool | None = True
    ensure_multiple_of: Positive = 1 / 32

    def _preprocess(  # type: ignore[override]  # the settings of one call, by name
        self, images: list[np.ndarray], do_pad: bool | None = None, do_rescale: bool | None = None, **settings: Any
    ) -> Any:
        """Rescaled and mirrored before they are resized."""
        if do_rescale:
            images = [self.rescale(image, settings["rescale_factor"]) for image in images]
        if do_pad:
            images = [self.pad_image(image) for image in images]
        return super()._preprocess(images, do_pad=False, do_rescale=False, **settings)

    def pad_image(self, image: np.ndarray, size_divisor: int | None = None) -> np.ndarray:
        """`image` (C, Y, X) with mirrored rows and columns around it."""
        ends = [(0, 0), *((border(edge), border(edge)) for edge in image.shape[1:])]
        return np.pad(image, ends, mode="reflect")

    def resize(  # type: ignore[override]  # two are taken by name, for published ones stand in another order
        self,
        image: np.ndarray,
        size: Any,
        resample: int | None = None,
        *,
        ensure_multiple_of: float | None = None,
        keep_aspect_ratio: bool | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`image` (C, Y, X) at the size that an image of this shape has, its corners at its corners; bytes stay such."""
        import torch

        modes = {0: "nearest", 2: "bilinear", 3: "bicubic"}
        kind = modes.get(2 if resample is None else int(resample))
        if kind is None:
            raise InputError(f"resample is {resample}; these images are resized by one of {modes}")
        height, width = image.shape[1:]
        call = self.told(ensure_multiple_of=ensure_multiple_of, keep_aspect_ratio=keep_aspect_ratio)
        to = call.output_size(height, width, size)
        corners = None if kind == "nearest" else True
        kept = image if image.dtype == np.uint8 else image.astype(np.float32)
        pixels = torch.from_numpy(np.array(kept, order="C"))[None]
        made: np.ndarray = torch.nn.functional.interpolate(pixels, to, mode=kind, align_corners=corners)[0].numpy()
        return made

    def post_process_depth_estimation(
        self,
        outputs: Any,
        source_sizes: Sizes = None,
        target_sizes: Sizes = None,
        outputs_flipped: Any = None,
        do_remove_padding: bool | None = None,
    ) -> list[dict[str, Any]]:
        """`[{"predicted_depth": (Y, X)}, ...]`: the mirror cut off, of the sizes in `target_sizes`, else `source_sizes`;
        bicubic.

        Args:
            outputs: a model's, with `predicted_depth` (B, y, x).
            source_sizes: height and width of each image before preprocessing, needed unless `do_remove_padding=False`.
            outputs_flipped: those of the same images, mirrored left to right; the mean of both counts.
            do_remove_padding: None is the processor's `do_pad`.

        Raises:
            InputError: sizes are missing, or are not one for each image.
        """
        import torch

        def to_size(depth: Any, height: Any, width: Any) -> Any:
            size = int(height), int(width)
            return torch.nn.functional.interpolate(depth[None, None], size=size, mode="bicubic", align_corners=False)[0, 0]

        maps = outputs.predicted_depth
        removes = self.do_pad if do_remove_padding is None else do_remove_padding
        if removes and source_sizes is None:
            raise InputError("source_sizes is needed to cut off the mirrored edges; pass it, or do_remove_padding=False")
        if outputs_flipped is not None:
            if outputs_flipped.predicted_depth.shape != maps.shape:
                shape = tuple(outputs_flipped.predicted_depth.shape)
                raise InputError(f"outputs_flipped has depths of shape {shape}; expected that of outputs, {tuple(maps.shape)}")
            maps = (maps + torch.flip(outputs_flipped.predicted_depth, dims=[-1])) / 2
        results = []
        for depth, source, target in zip(
            maps, sizes_of(source_sizes, len(maps)), sizes_of(target_sizes, len(maps)), strict=True
        ):
            if source is not None:
                height, width = map(int, source)
                down, across = (border(height), border(width)) if removes else (0, 0)
                depth = to_size(depth, height + 2 * down, width + 2 * across)[down : down + height, across : across + width]
            results.append({"predicted_depth": depth if target is None else to_size(depth, *target)})
        return results


ZoeDepthImageProcessorFast = ZoeDepthImageProcessorPil = ZoeDepthImageProcessor
