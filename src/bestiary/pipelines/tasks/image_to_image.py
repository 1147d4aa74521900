"""Image to image: a picture to another one, larger or clearer."""

from typing import Any, ClassVar

import torch

from ...core.errors import InputError, NumericsError
from ..base import Parameters, Pipeline
from ..batching import tensors
from .image_classification import one_of, pixels

__all__ = ["ImageToImagePipeline"]

CHECKPOINTS = {"caidas/swin2SR-classical-sr-x2-64": "swin2sr"}
IMPLIED = True


class ImageToImagePipeline(Pipeline):
    """A Pillow image for a picture, as large as the model makes it.

    What the image processor adds at the edges is enlarged too, as published: a picture of 64 pixels, which Swin2SR's processor
    continues to 72, becomes one of 144. Inputs are those of image classification.

    Keywords of a call:
        timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForImageToImage",)

    def _sanitize_parameters(self, timeout: float | None = None) -> Parameters:
        return {} if timeout is None else {"timeout": timeout}, {}, {}

    def __call__(self, inputs: Any = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None) -> Any:
        return pixels(self, input_, timeout)

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        return {"reconstruction": self.model(**tensors(input_tensors)).reconstruction}

    def postprocess(self, model_outputs: Any) -> Any:
        return as_picture(model_outputs["reconstruction"][0])


def as_picture(values: torch.Tensor) -> Any:
    """Numbers from 0 to 1 (C, Y, X), of one channel or of three, as a Pillow image; what is beyond becomes black or white.

    Raises:
        NumericsError: some numbers are NaN. InputError: another number of channels.
    """
    from PIL import Image

    channels = values.detach().cpu().float()
    if channels.isnan().any():
        raise NumericsError("the picture that the model made holds NaN")
    if len(channels) not in (1, 3):
        raise InputError(f"the model made a picture of {len(channels)} channels; one is shown that has 1 (grey) or 3 (colours)")
    levels = (channels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(levels[..., 0] if len(channels) == 1 else levels)


PIPELINE = ImageToImagePipeline
