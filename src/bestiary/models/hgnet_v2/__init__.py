"""HGNet V2 (Cui et al. 2021, "PP-LCNet", and PaddlePaddle's models after it): what all layers of a block give is put together.

Differs from ResNet: a block is a row of convolutions whose outputs are all weighed into its own, stages halve the image by a
convolution of every channel alone, and the stem has five convolutions, two of them beside a maximum.

Paper: https://arxiv.org/abs/2109.15099
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list

Stride = Size | Sequence[Size]  # of both edges, or of height and width

STEM_CONVOLUTIONS = 5


class HGNetV2Config(BackboneConfig):
    """Hyperparameters; the defaults are those of D-FINE-X on COCO.

    The stem has `stem_channels` (of the image, in the middle, behind it) and `stem_strides`, of each convolution. Of each stage
    are told, as `stage_*`: its input's channels (`in`), those of its layers (`mid`) and of its blocks (`out`), how many blocks
    it has (`num_blocks`), how many layers each of these (`numb_of_layers`), how wide their kernels are (`kernel_size`), whether
    the image is made smaller before it (`downsample`), by how much (`downsample_strides`), and whether its layers see each
    channel alone (`light_block`). With `use_learnable_affine_block` outputs of activations are scaled and shifted by a trained
    number each. There are as many stages as `depths`; apart from that `depths`, `hidden_sizes`, `embedding_size` and
    `num_channels` are of no effect, as published, and `hidden_act` is that of the stem alone.
    """

    model_type: ClassVar[str] = "hgnet_v2"

    num_channels: Size = 3
    embedding_size: Size = 64
    depths: Sequence[Depth] = (3, 4, 6, 3)
    hidden_sizes: Sequence[Size] = (256, 512, 1024, 2048)
    hidden_act: str = "relu"
    stem_channels: Sequence[Size] = (3, 32, 48)
    stem_strides: Sequence[Stride] = (2, 1, 1, 2, 1)
    stage_in_channels: Sequence[Size] = (48, 128, 512, 1024)
    stage_mid_channels: Sequence[Size] = (48, 96, 192, 384)
    stage_out_channels: Sequence[Size] = (128, 512, 1024, 2048)
    stage_num_blocks: Sequence[Size] = (1, 1, 3, 1)
    stage_downsample: Sequence[bool] = (False, True, True, True)
    stage_downsample_strides: Sequence[Stride] = (2, 2, 2, 2)
    stage_light_block: Sequence[bool] = (False, False, True, True)
    stage_kernel_size: Sequence[Size] = (3, 3, 5, 5)
    stage_numb_of_layers: Sequence[Size] = (6, 6, 6, 6)
    use_learnable_affine_block: bool = False
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        check("HGNetV2Config", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        told = [name for name in sorted(self._field_names) if name.startswith("stage_") and name != "stage_names"]
        for name in ("depths", "hidden_sizes", "stem_channels", "stem_strides", *told):
            setattr(self, name, list(self.get(name)))
        for name in told:
            if len(self.get(name)) != len(self.depths):
                raise ConfigError(
                    f"HGNetV2Config: the {len(self.depths)} stages of depths need as many {name}, not {self.get(name)}"
                )
        if len(self.stem_channels) != 3 or len(self.stem_strides) != STEM_CONVOLUTIONS:
            raise ConfigError(
                f"HGNetV2Config: expected three stem_channels and {STEM_CONVOLUTIONS} stem_strides,"
                f" not {self.stem_channels} and {self.stem_strides}"
            )
        before = [self.stem_channels[-1], *self.stage_out_channels[:-1]]
        if self.stage_in_channels != before:
            raise ConfigError(
                f"HGNetV2Config: stage_in_channels are {self.stage_in_channels}; what stands before each stage gives {before}"
            )


TASKS = {
    "base": "HGNetV2Backbone",
    "image-classification": "HGNetV2ForImageClassification",
    "backbone": "HGNetV2Backbone",
}

__getattr__, __dir__ = lazy(__name__, {"model": ["HGNetV2PreTrainedModel", "HGNetV2Backbone", "HGNetV2ForImageClassification"]})
