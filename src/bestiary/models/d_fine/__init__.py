"""D-FINE (Peng et al. 2024, "D-FINE: redefine regression task in DETRs as fine-grained distribution refinement").

RT-DETR whose decoder tells the edges of boxes as distributions that layers refine, and teaches earlier layers by the last.

Paper: https://arxiv.org/abs/2410.13842
"""

from typing import Any, ClassVar

from ...core.plugins import lazy
from ...modeling.distribution_config import DistributionDetectorConfig


class DFineConfig(DistributionDetectorConfig):
    """Hyperparameters: see `DistributionDetectorConfig`."""

    model_type: ClassVar[str] = "d_fine"
    usual_backbone: ClassVar[dict[str, Any]] = {"model_type": "hgnet_v2", "out_features": ["stage2", "stage3", "stage4"]}


TASKS = {"base": "DFineModel", "object-detection": "DFineForObjectDetection"}

PREPROCESSORS = {"image_processor": "RTDetrImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["DFinePreTrainedModel", *TASKS.values()]})
