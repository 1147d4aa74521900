"""UperNet (Xiao et al. 2018, "Unified perceptual parsing for scene understanding"): any backbone labels each place of an image.

The backbone's last map is pooled to several grids (Zhao et al. 2017, pyramid pooling); a feature pyramid carries what they say
to the finer maps, and all of them together give the class of each place.

Paper: https://arxiv.org/abs/1807.10221
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.kinds import Amount, Count, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import take_backbone
from ...modeling.config import PreTrainedConfig


class UperNetConfig(PreTrainedConfig):
    """Hyperparameters.

    `backbone_config` is the config of any backbone here, or what a file holds of it; by default ResNet-50 with four stages.
    `pool_scales` are the sides of the grids that its last map is pooled to. With `use_auxiliary_head` the third map gives
    labels too, by `auxiliary_num_convs` convolutions of `auxiliary_channels`; it has `auxiliary_in_channels`, which None leaves
    to the backbone, and with `auxiliary_concat_input` is seen once more behind them. Its loss weighs `auxiliary_loss_weight`.
    Places whose label is `loss_ignore_index` do not count.
    """

    model_type: ClassVar[str] = "upernet"

    backbone_config: Any = None
    hidden_size: Size = 512
    initializer_range: Amount = 0.02
    pool_scales: Sequence[Size] = (1, 2, 3, 6)
    use_auxiliary_head: bool = True
    auxiliary_loss_weight: Amount = 0.4
    auxiliary_in_channels: Size | None = None
    auxiliary_channels: Size = 256
    auxiliary_num_convs: Count = 1
    auxiliary_concat_input: bool = False
    loss_ignore_index: int = 255

    def validate(self) -> None:
        take_backbone(self, {"model_type": "resnet", "out_features": ["stage1", "stage2", "stage3", "stage4"]})
        super().validate()
        self.pool_scales = list(self.pool_scales)


TASKS = {"semantic-segmentation": "UperNetForSemanticSegmentation"}

PREPROCESSORS = {"image_processor": "SegformerImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["UperNetPreTrainedModel", "UperNetForSemanticSegmentation"]})
