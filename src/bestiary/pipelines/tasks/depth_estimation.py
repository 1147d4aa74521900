"""Depth estimation: a picture to how far away each of its places is."""

from typing import Any, ClassVar

import torch

from ...core.errors import InputError, NumericsError
from ...preprocess.batch import BatchFeature
from ..base import Parameters, Pipeline, Result, options_of
from ..batching import tensors
from .image_classification import one_of, sized_pixels

__all__ = ["DepthEstimationPipeline"]

CHECKPOINTS = {"vinvino02/glpn-nyu": "glpn"}
IMPLIED = True
# What models of depth give of a picture, and their image processors read.
_PREDICTED = ("predicted_depth", "field_of_view", "domain_logits")


class DepthEstimationPipeline(Pipeline):
    """`{"predicted_depth", "depth"}` for a picture: a tensor (Y, X) of its size in the units of the model (metres, or a
    disparity), and the same as a grey Pillow image, 0 for its smallest number and 255 for its largest.

    Inputs are those of image classification.

    Keywords of a call:
        timeout: seconds to wait for a server. parameters: a dictionary with `timeout`, as released before.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForDepthEstimation",)

    def _sanitize_parameters(self, timeout: float | None = None, parameters: dict[str, Any] | None = None) -> Parameters:
        before = options_of(parameters=parameters)
        self._refuse_unknown(before, {"timeout"})
        return before | ({} if timeout is None else {"timeout": timeout}), {}, {}

    def __call__(self, inputs: Any = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None) -> Any:
        return sized_pixels(self, input_, timeout)

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        size = inputs.pop("target_size")
        output = self.model(**inputs)
        return {name: output[name] for name in _PREDICTED if output.get(name) is not None} | {"target_size": size}

    def postprocess(self, model_outputs: Any) -> Result:
        method = getattr(self.image_processor, "post_process_depth_estimation", None)
        if method is None:
            raise InputError(
                f"a {type(self.image_processor).__name__} does not make depth of what a model predicts; pass one that has"
                " post_process_depth_estimation"
            )
        sizes = model_outputs["target_size"].tolist()
        # The first sizes: of ZoeDepth those before the edges were mirrored, of others those that are wanted.
        predicted = method(BatchFeature(model_outputs), sizes)[0]["predicted_depth"].detach()
        return Result({"predicted_depth": predicted, "depth": grey(predicted)})


def grey(depth: torch.Tensor) -> Any:
    """A map (Y, X) as a Pillow image of mode L; one that is the same everywhere is black.

    Raises:
        NumericsError: some numbers are not finite.
    """
    from PIL import Image

    values = depth.cpu().float()
    low, high = values.min(), values.max()
    if not (low.isfinite() and high.isfinite()):
        raise NumericsError("the predicted depth holds NaN or infinite numbers")
    places = (values - low) / (high - low) if high > low else torch.zeros_like(values)
    return Image.fromarray((places.numpy() * 255).astype("uint8"))


PIPELINE = DepthEstimationPipeline
