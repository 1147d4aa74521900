"""Image classification: a picture to labels with scores."""

import os
from typing import Any, ClassVar

import torch

from ...core.errors import ArgumentError, InputError
from ...preprocess.image.reading import is_pil, load_image, to_array
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from ..scores import ClassificationFunction, best, check_top_k, read_function, scores, suited_function

__all__ = ["ImageClassificationPipeline"]

CHECKPOINTS = {"google/vit-base-patch16-224": "vit"}
IMPLIED = True


class ImageClassificationPipeline(Pipeline):
    """`[{"label", "score"}, ...]` for a picture, best first.

    Inputs: a path, an http(s) address, base64, bytes, a Pillow image, an array or a tensor; or lists of them. Also as
    `images=`.

    Keywords of a call:
        top_k: how many labels (5). function_to_apply: "sigmoid", "softmax", "none" or "default": what suits the model.
        timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForImageClassification",)

    def _sanitize_parameters(
        self, top_k: int | None = None, function_to_apply: Any = None, timeout: float | None = None
    ) -> Parameters:
        after: dict[str, Any] = {} if top_k is None else {"top_k": check_top_k(top_k)}
        if function_to_apply is not None:
            after["function"] = read_function(function_to_apply)
        return {} if timeout is None else {"timeout": timeout}, {}, after

    def __call__(self, inputs: Any = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None) -> Any:
        return pixels(self, input_, timeout)

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        return {"logits": self.model(**tensors(input_tensors)).logits}

    def postprocess(
        self, model_outputs: Any, function: ClassificationFunction | None = None, top_k: int | None = 5
    ) -> list[Result]:
        config = self.model.config
        values = scores(model_outputs["logits"][0], function or suited_function(config))
        return [Result(answer) for answer in best(values, config.id2label, top_k)]


def picture(image: Any, timeout: float | None = None) -> Any:
    """A Pillow image of whatever names or holds one; an array or a tensor as it is."""
    return load_image(image, timeout) if isinstance(image, str | bytes | os.PathLike) or is_pil(image) else image


def pixels(pipeline: Pipeline, image: Any, timeout: float | None = None, **options: Any) -> dict[str, Any]:
    """What the model takes of one picture, wherever it comes from, in the model's dtype."""
    if "return_tensors" in options:
        raise ArgumentError("return_tensors: a pipeline's model takes torch tensors; leave it out of the processor's options")
    features = pipeline.image_processor(picture(image, timeout), return_tensors="pt", **options)
    if len(features["pixel_values"]) != 1:
        raise InputError(f"one input holds {len(features['pixel_values'])} images; pass a list with an image for each answer")
    return dict(features if pipeline.dtype is None else features.to(pipeline.dtype))


def sized_pixels(pipeline: Pipeline, input_: Any, timeout: float | None = None, **options: Any) -> dict[str, Any]:
    """What the model takes of one picture, and `target_size` (1, 2), height and width of the picture itself."""
    image = picture(input_, timeout)
    height, width = image.size[::-1] if is_pil(image) else to_array(image, False, None).shape[:2]
    return {**pixels(pipeline, image, **options), "target_size": torch.tensor([[height, width]])}


def one_of(**inputs: Any) -> Any:
    """The one input that was given, under whichever of its names."""
    present = [value for value in inputs.values() if value is not None]
    if len(present) != 1:
        raise ArgumentError(f"pass the input once, as {' or '.join(f'{name}=' for name in inputs)}")
    return present[0]


PIPELINE = ImageClassificationPipeline
