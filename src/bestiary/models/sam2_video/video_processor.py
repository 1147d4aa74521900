"""How SAM 2's checkpoints want their films."""

from collections.abc import Sequence
from typing import Any

from ...preprocess.image import transforms
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.promptable import unpadded
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from ...preprocess.video.base import BaseVideoProcessor


class Sam2VideoVideoProcessor(BaseVideoProcessor):
    """Frames of 1024 x 1024 pixels, bilinear; also `original_sizes` and `reshaped_input_sizes`, height and width of each film
    before and after resizing."""

    do_convert_rgb: bool | None = True
    do_resize: bool = True
    size: Size = edges(height=1024, width=1024)
    resample: int = PILImageResampling.BILINEAR
    do_rescale: bool = True
    do_normalize: bool = True
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD

    def told_sizes(self, sizes: list[tuple[int, int]]) -> dict[str, Any]:
        to: Any = self.size
        resized = [self.output_size(*size, to) if self.do_resize else size for size in sizes]
        return {"original_sizes": sizes, "reshaped_input_sizes": resized}

    def post_process_masks(
        self,
        masks: Any,
        original_sizes: Any,
        reshaped_input_sizes: Any,
        mask_threshold: float = 0.0,
        binarize: bool = True,
        pad_size: Any = None,
    ) -> list[Any]:
        """Masks of frames that were padded, as of `PaddedImageProcessor`; those of this processor's frames are brought to the
        size of their film by `Sam2VideoProcessor.post_process_masks`."""
        canvas = transforms.exact_size(self.size if pad_size is None else pad_size, "pad_size")
        return unpadded(masks, original_sizes, reshaped_input_sizes, canvas, mask_threshold, binarize)
