"""Models that match points of two images, which a detector of points finds and describes."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError, UnknownArchitecture
from ..core.outputs import ModelOutput, Tensors
from ..nn.patches import required
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .families import family, tasks_of


@dataclass
class KeypointMatchingOutput(ModelOutput):
    """Points of pairs of images, padded to as many as the image with the most has, and which are the same.

    `keypoints` (B, 2, N, 2), x and y in 0..1 of their image, and `mask` (B, 2, N), 1 where there is a point. `matches`
    (B, 2, N): of each point the place of its match in the other image, or -1; `matching_scores` (B, 2, N), in 0..1.
    """

    loss: Tensor | None = None
    matches: Tensor | None = None
    matching_scores: Tensor | None = None
    keypoints: Tensor | None = None
    mask: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class Points:
    """What the detector found in pairs of images, the two of a pair one after the other.

    `places` (2B, N, 2) in 0..1, `scores` (2B, N), `descriptors` (2B, N, D), `mask` (2B, N); height and width of the images.
    """

    places: Tensor
    scores: Tensor
    descriptors: Tensor
    mask: Tensor
    height: int
    width: int


class OverKeypoints(PreTrainedModel):
    """A model over the points that a detector finds, which stands in it as `keypoint_detector`."""

    main_input_name = "pixel_values"
    supports_gradient_checkpointing = False
    keypoint_detector: PreTrainedModel

    def put_detector(self) -> None:
        """Build the detector that the config describes."""
        self.keypoint_detector = build_detector(self.config.get("keypoint_detector_config"))

    def get_input_embeddings(self) -> nn.Module:
        return self.keypoint_detector.get_input_embeddings()

    def points_of_pairs(self, pixel_values: Tensor | None, labels: Any) -> Points:
        """The points of pairs of images (B, 2, C, Y, X).

        Raises:
            ArgumentError: there are labels. InputError: the images are no pairs.
        """
        if labels is not None:
            raise ArgumentError(f"{type(self).__name__} has no loss, as published; leave labels out")
        pixels = required(pixel_values)
        if pixels.dim() != 5 or pixels.shape[1] != 2:
            raise InputError(
                f"pixel_values have shape {tuple(pixels.shape)}; expected pairs of images (batch, 2, channels, height, width)"
            )
        found: Any = self.keypoint_detector(pixels.flatten(0, 1), return_dict=True)
        return Points(found.keypoints, found.scores, found.descriptors, found.mask, *pixels.shape[-2:])


def build_detector(config: PreTrainedConfig) -> PreTrainedModel:
    """The detector of points that `config` describes, with fresh weights.

    Raises:
        UnknownArchitecture: the family has none.
    """
    tasks = tasks_of(config.model_type)
    name = tasks.get("keypoint-detection")
    if name is None:
        raise UnknownArchitecture(f"{config.model_type} detects no points; it has {', '.join(tasks)}")
    detector: PreTrainedModel = getattr(family(config.model_type), name)(config)
    return detector
