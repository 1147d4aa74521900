"""Swin2SR (Conde et al. 2022, "Swin2SR: SwinV2 transformer for compressed image super-resolution and restoration").

Blocks of Swin V2 over the pixels of an image, which stay as many: groups of them end in a convolution and are added to what
came in. What follows makes an image `upscale` times as large a side.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Depth, Positive, Size
from ...core.plugins import lazy
from ...modeling.patch_config import Pair
from ...modeling.window_config import WindowConfig


class Swin2SRConfig(WindowConfig):
    """Hyperparameters: see `WindowConfig`; the defaults are those of Swin2SR for images of twice the size.

    `upsampler` says how the larger image is made: "pixelshuffle" in steps of 2 or 3, "pixelshuffle_aux" the same beside the
    enlarged input, with a small image on the way, "pixelshuffledirect" in one step, "nearest+conv" by repeated pixels (4 times
    alone); by any other the image keeps its size, and what is computed is added to it. `resi_connection`: a group of blocks
    ends in one convolution ("1conv") or in three. Pixels are multiplied by `img_range` within. `num_channels_out` are the
    channels of the result, by default those of the input. `drop_path_rate` is of no effect, as published.
    """

    model_type: ClassVar[str] = "swin2sr"
    joins_patches: ClassVar[bool] = False

    image_size: Pair = 64
    patch_size: Pair = 1
    num_channels_out: Size | None = None
    embed_dim: Size = 180
    depths: Sequence[Depth] = (6, 6, 6, 6, 6, 6)
    num_heads: Sequence[Size] = (6, 6, 6, 6, 6, 6)
    window_size: Size = 8
    mlp_ratio: Positive = 2.0
    upscale: Size = 2
    img_range: Positive = 1.0
    resi_connection: Literal["1conv", "3conv"] = "1conv"
    upsampler: str | None = "pixelshuffle"

    def validate(self) -> None:
        super().validate()
        self.num_channels_out = self.num_channels_out or self.num_channels
        name, upscale = type(self).__name__, self.upscale
        if self.patch_size not in (1, [1, 1], (1, 1)):
            raise ConfigError(
                f"{name}: patch_size is {self.patch_size}; maps of patches are added to maps of pixels, so that it must be 1"
            )
        if self.upsampler == "nearest+conv" and upscale != 4:
            raise ConfigError(f"{name}: upscale is {upscale}; the upsampler nearest+conv enlarges 4 times, and no other")
        if self.upsampler in ("pixelshuffle", "pixelshuffle_aux") and upscale != 3 and upscale & (upscale - 1):
            raise ConfigError(
                f"{name}: upscale is {upscale}; the upsampler {self.upsampler} enlarges 3 times, or by a power of 2"
            )


TASKS = {"base": "Swin2SRModel", "image-to-image": "Swin2SRForImageSuperResolution"}

PREPROCESSORS = {"image_processor": "Swin2SRImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["Swin2SRPreTrainedModel", *TASKS.values()],
        "image_processor": ["Swin2SRImageProcessor", "Swin2SRImageProcessorFast", "Swin2SRImageProcessorPil"],
    },
)
