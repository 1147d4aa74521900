"""RT-DETR (Lv et al. 2023, "DETRs beat YOLOs on real-time object detection").

A hybrid encoder looks within the smallest map and mixes maps by convolutions; the likeliest of its places are the queries of a
decoder that refines their boxes, layer by layer. It is trained on queries made of the real objects besides.

Paper: https://arxiv.org/abs/2304.08069
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.kinds import Depth, check
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.realtime_detector_config import RealtimeDetectorConfig
from ...modeling.residual_config import ResidualConfig


class RTDetrResNetConfig(ResidualConfig, BackboneConfig):
    """RT-DETR's backbone, ResNet-D: see `ResidualConfig`; the defaults are ResNet-50's."""

    model_type: ClassVar[str] = "rt_detr_resnet"

    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False

    def validate(self) -> None:
        check("RTDetrResNetConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()


class RTDetrConfig(RealtimeDetectorConfig):
    """Hyperparameters: see `RealtimeDetectorConfig`. Nothing is computed by `disable_custom_kernels`."""

    model_type: ClassVar[str] = "rt_detr"

    disable_custom_kernels: bool = True


TASKS = {"base": "RTDetrModel", "object-detection": "RTDetrForObjectDetection"}

PARTS = {"rt_detr_resnet": {"backbone": "RTDetrResNetBackbone"}}

PREPROCESSORS = {"image_processor": "RTDetrImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["RTDetrPreTrainedModel", *TASKS.values()],
        "resnet": ["RTDetrResNetPreTrainedModel", "RTDetrResNetBackbone"],
        "image_processor": ["RTDetrImageProcessor", "RTDetrImageProcessorFast", "RTDetrImageProcessorPil"],
    },
)
