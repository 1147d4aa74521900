"""SwiftFormer (Shaker et al. 2023, "SwiftFormer: efficient additive attention for transformer-based real-time mobile vision
applications").

Convolutions, and behind those of each stage one block whose attention has no products of queries and keys: one vector, a sum
of all queries, multiplies every key.
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.patch_config import Pair


class SwiftFormerConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of SwiftFormer-XS on images of 224.

    `depths` are the blocks of each stage, `embed_dims` its channels. Before a stage whose `downsamples` says so, or whose
    channels are others, a convolution of `down_patch_size`, `down_stride` and `down_pad` makes maps smaller.
    `use_layer_scale` multiplies what each half of the last block of a stage adds by a trained number for each channel, which
    starts at `layer_scale_init_value`.
    """

    model_type: ClassVar[str] = "swiftformer"

    image_size: Pair = 224
    num_channels: Size = 3
    depths: Sequence[Depth] = (3, 3, 6, 4)
    embed_dims: Sequence[Size] = (48, 56, 112, 220)
    mlp_ratio: Positive = 4
    downsamples: Sequence[bool] = (True, True, True, True)
    hidden_act: str = "gelu"
    down_patch_size: Size = 3
    down_stride: Size = 2
    down_pad: Count = 1
    drop_path_rate: Rate = 0.0
    drop_mlp_rate: Rate = 0.0
    drop_conv_encoder_rate: Rate = 0.0
    use_layer_scale: bool = True
    layer_scale_init_value: Amount = 1e-5
    batch_norm_eps: Rate = 1e-5

    def validate(self) -> None:
        super().validate()
        for name in ("depths", "embed_dims", "downsamples"):
            setattr(self, name, list(self.get(name)))
        if not self.depths or not len(self.depths) == len(self.embed_dims) <= len(self.downsamples):
            raise ConfigError(
                f"SwiftFormerConfig: the stages of depths {self.depths} need as many embed_dims, not {self.embed_dims}, and"
                f" downsamples, not {self.downsamples}"
            )
        if 0 in self.depths:
            raise ConfigError(f"SwiftFormerConfig: depths {self.depths} need a block or more in each stage")


TASKS = {"base": "SwiftFormerModel", "image-classification": "SwiftFormerForImageClassification"}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["SwiftFormerPreTrainedModel", *TASKS.values()]})
