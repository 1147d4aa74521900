"""DINOv3 ConvNeXt (Siméoni et al. 2025): ConvNeXt that learned from DINOv3's largest transformer what that sees.

Differs from ConvNeXt: the mean of the last map stands as a class token before the places of that map, and a backbone's first
map is the image itself.

Paper: https://arxiv.org/abs/2508.10104
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair


class DINOv3ConvNextConfig(BackboneConfig):
    """Hyperparameters; the defaults are those of DINOv3 ConvNeXt-T.

    `depths` are the blocks of each stage, `hidden_sizes` its channels. What a block adds is multiplied by a trained number for
    each channel that starts at `layer_scale_init_value`. `drop_path_rate` is that of the last block's stochastic depth.
    """

    model_type: ClassVar[str] = "dinov3_convnext"

    num_channels: Size = 3
    hidden_sizes: Sequence[Size] = (96, 192, 384, 768)
    depths: Sequence[Depth] = (3, 3, 9, 3)
    hidden_act: str = "gelu"
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-6
    layer_scale_init_value: Amount = 1e-6
    drop_path_rate: Rate = 0.0
    image_size: Pair = 224

    @property
    def num_stages(self) -> int:
        """How many stages there are."""
        return len(self.hidden_sizes)

    def validate(self) -> None:
        check("DINOv3ConvNextConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        self.hidden_sizes, self.depths = list(self.hidden_sizes), list(self.depths)
        if len(self.hidden_sizes) != len(self.depths) or not self.depths:
            raise ConfigError(
                f"DINOv3ConvNextConfig: the stages of depths {self.depths} need as many hidden_sizes, not {self.hidden_sizes}"
            )


TASKS = {"base": "DINOv3ConvNextModel", "backbone": "DINOv3ConvNextBackbone"}

PREPROCESSORS = {"image_processor": "DINOv3ViTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["DINOv3ConvNextPreTrainedModel", *TASKS.values()]})
