"""Keypoint matching: two pictures to the points that are in both."""

from typing import Any, ClassVar

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from ...preprocess.batch import BatchFeature, is_torch
from ...preprocess.image.detection import check_threshold
from ...preprocess.image.pairs import is_pair, named_matches
from ...preprocess.image.reading import is_pil, to_array
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from .image_classification import one_of, picture

__all__ = ["KeypointMatchingPipeline"]

CHECKPOINTS = {"ETH-CVG/lightglue_superpoint": "lightglue"}
IMPLIED = True


class KeypointMatchingPipeline(Pipeline):
    """`[{"keypoint_image_0": {"x", "y"}, "keypoint_image_1": {"x", "y"}, "score"}, ...]` for a pair of pictures, in their
    pixels, best first.

    Inputs: a pair (a list or tuple of two) of what image classification takes, or lists of pairs. Also as `images=`.

    Keywords of a call:
        threshold: matches that score no more are left out (0). timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForKeypointMatching",)

    def _sanitize_parameters(self, threshold: float | None = None, timeout: float | None = None) -> Parameters:
        after = {} if threshold is None else {"threshold": check_threshold(threshold)}
        return {} if timeout is None else {"timeout": timeout}, {}, after

    def __call__(self, inputs: Any = None, threshold: float | None = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        if threshold is not None:
            parameters["threshold"] = threshold
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def is_one(self, inputs: Any) -> bool:
        if isinstance(inputs, np.ndarray) or is_torch(inputs):
            return bool(inputs.ndim < 5)
        return is_pair(inputs) or super().is_one(inputs)

    def preprocess(self, input_: Any, timeout: float | None = None) -> dict[str, Any]:
        if not is_pair(input_):
            found = f"{len(input_)} of them" if isinstance(input_, list | tuple) else type(input_).__name__
            raise InputError(f"expected a pair of pictures, in a list or a tuple; found {found}")
        pair = [picture(image, timeout) for image in input_]
        sizes = [image.size[::-1] if is_pil(image) else to_array(image, False, None).shape[:2] for image in pair]
        features = self.image_processor(pair, return_tensors="pt")
        if features["pixel_values"].ndim != 5:
            raise ArgumentError(f"a {type(self.image_processor).__name__} does not prepare pairs; pass the model's own")
        return {**(features if self.dtype is None else features.to(self.dtype)), "target_size": torch.tensor([sizes])}

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        size = inputs.pop("target_size")
        output = self.model(**inputs)
        found = {name: output[name] for name in ("matches", "matching_scores", "keypoints", "mask") if name in output}
        return {**found, "target_size": size}

    def postprocess(self, model_outputs: Any, threshold: float = 0.0) -> list[Result]:
        sizes = model_outputs["target_size"]
        found = self.image_processor.post_process_keypoint_matching(BatchFeature(model_outputs), sizes, threshold)[0]
        return [Result(match) for match in named_matches(found)]


PIPELINE = KeypointMatchingPipeline
