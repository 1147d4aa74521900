"""How ViTMatte's checkpoints want their images and the trimaps that go with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.kinds import Size as Edge
from ...preprocess.batch import BatchFeature, TensorType
from ...preprocess.image.base import channel_formats
from ...preprocess.image.pil_backend import Deviation, PilBackend
from ...preprocess.image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, ChannelDimension, flat_list, to_array


class VitMatteImageProcessor(PilBackend):
    """Mean and deviation 0.5, the trimap from 0 to 1 as a fourth channel; zeros up to multiples of `size_divisor`."""

    do_rescale: bool = True
    do_normalize: bool = True
    image_mean: float | Sequence[float] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD
    do_pad: bool | None = True
    size_divisor: Edge = 32

    def preprocess(  # type: ignore[override]  # the published order of the arguments
        self,
        images: Any,
        trimaps: Any,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """As every image processor; `pixel_values` (B, 4, Y, X).

        Args:
            trimaps: of each image (or of the one) a map (Y, X) of its size, 0 for what is behind, 255 for what is in front, 128
                for what may be either.

        Raises:
            InputError: not one for each image, another size, or no map.
        """
        call = self.with_overrides({name: value for name, value in overrides.items() if name in self.field_names()})
        order, _ = channel_formats(data_format, None)
        colours = super().preprocess(images, **{**overrides, "do_pad": False})["pixel_values"]
        maps = [call._trimap(each, index) for index, each in enumerate(flat_list(trimaps))]
        if len(maps) != len(colours):
            raise InputError(f"{len(maps)} trimaps for {len(colours)} images; expected one for each")
        pixels = []
        for index, (image, trimap) in enumerate(zip(colours, maps, strict=True)):
            if image.shape[1:] != trimap.shape[1:]:
                raise InputError(
                    f"trimap {index} has {trimap.shape[1]} x {trimap.shape[2]} places; expected those of its image,"
                    f" {image.shape[1]} x {image.shape[2]}"
                )
            both = np.concatenate((image, trimap), dtype=np.float32)
            pixels.append(call.pad_image(both) if call.do_pad else both)
        if order == ChannelDimension.LAST:
            pixels = [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in pixels]
        batch = BatchFeature({"pixel_values": pixels}, return_tensors)
        return batch if device is None or return_tensors != TensorType.PYTORCH else batch.to(device)

    def pad_image(self, image: np.ndarray, size_divisor: int | None = None) -> np.ndarray:
        """`image` (C, Y, X) with zeros below and to the right, its edges multiples of `size_divisor`, else the set one."""
        divisor = size_divisor or self.size_divisor
        return np.pad(image, [(0, 0), *((0, -edge % divisor) for edge in image.shape[1:])])

    def _trimap(self, trimap: Any, index: int) -> np.ndarray:
        array = to_array(trimap, False, None, index)
        if array.shape[-1] != 1:
            raise InputError(f"trimap {index} has shape {array.shape}; expected a map of one number for each place")
        array = array.transpose(2, 0, 1)
        return self.rescale(array, self.rescale_factor) if self.do_rescale else array


VitMatteImageProcessorFast = VitMatteImageProcessorPil = VitMatteImageProcessor
