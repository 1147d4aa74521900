"""Depth Anything (Yang et al. 2024, "Depth Anything: unleashing the power of large-scale unlabeled data").

DINOv2 as the backbone, DPT's neck without readout of the class token, and a head of three convolutions. Version 2 differs by
its weights and by the blocks whose states are read.

Paper: https://arxiv.org/abs/2401.10891
"""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import take_backbone
from ...modeling.dense_config import DenseConfig, check_maps, dinov2_small
from ...modeling.patch_config import Pair

KINDS = ("relative", "metric")


class DepthAnythingConfig(DenseConfig):
    """Hyperparameters: see `DenseConfig`; the defaults are those of Depth Anything with DINOv2-S.

    `depth_estimation_type` "relative" gives a disparity from 0 on, "metric" depths from 0 to `max_depth` metres. The head has
    `head_hidden_size` channels before its last convolution. `reassemble_hidden_size` is the width of the backbone's states.
    """

    model_type: ClassVar[str] = "depth_anything"

    backbone_config: Any = None
    patch_size: Pair = 14
    reassemble_hidden_size: Size = 384
    neck_hidden_sizes: Any = (48, 96, 192, 384)
    fusion_hidden_size: Size = 64
    head_hidden_size: Size = 32
    depth_estimation_type: str = "relative"
    max_depth: Amount | None = None

    def validate(self) -> None:
        take_backbone(self, dinov2_small())
        super().validate()
        check_maps(self, self.backbone_config)
        if self.depth_estimation_type not in KINDS:
            kind = self.depth_estimation_type
            raise ConfigError(f"{type(self).__name__}: depth_estimation_type is {kind!r:.80}; expected {' or '.join(KINDS)}")
        self.max_depth = self.max_depth or 1


TASKS = {"depth-estimation": "DepthAnythingForDepthEstimation"}

PREPROCESSORS = {"image_processor": "DPTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["DepthAnythingPreTrainedModel", *TASKS.values()]})
