"""LeViT (Graham et al. 2021, "LeViT: a vision transformer in ConvNet's clothing for faster inference").

Differs from ViT: patches come of four convolutions, three stages make the grid coarser, by attention of few queries, each
dense layer has a batch norm, and positions are trained biases on scores, one for each distance along rows and columns.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig

STAGES = 3


class LevitConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of LeViT-128S on images of 224.

    Of each of three stages: `hidden_sizes`, its width; `num_attention_heads`, their `key_dim`, the width of queries and keys,
    and by `attention_ratio` that of values over it; `depths`, its blocks; `mlp_ratio`. Four convolutions of `kernel_size`,
    `stride` and `padding` make patches, of `patch_size` pixels a side. `down_ops` is computed from the others.
    """

    model_type: ClassVar[str] = "levit"

    image_size: Size = 224
    num_channels: Size = 3
    kernel_size: Size = 3
    stride: Size = 2
    padding: Count = 1
    patch_size: Size = 16
    hidden_sizes: Sequence[Size] = (128, 256, 384)
    num_attention_heads: Sequence[Size] = (4, 8, 12)
    depths: Sequence[Depth] = (4, 4, 4)
    key_dim: Sequence[Size] = (16, 16, 16)
    drop_path_rate: Rate = 0
    mlp_ratio: Sequence[Positive] = (2, 2, 2)
    attention_ratio: Sequence[Positive] = (2, 2, 2)
    initializer_range: Amount = 0.02
    down_ops: Any = None

    def validate(self) -> None:
        super().validate()
        for name in ("hidden_sizes", "num_attention_heads", "depths", "key_dim", "mlp_ratio", "attention_ratio"):
            setattr(self, name, list(self.get(name)))
            if len(self.get(name)) != STAGES:
                raise ConfigError(f"LevitConfig: {name} are {self.get(name)}; expected {STAGES} numbers, one for each stage")
        if self.patch_size > self.image_size:
            raise ConfigError(f"LevitConfig: image_size {self.image_size} holds no patch of {self.patch_size}")
        width = self.key_dim[0]  # of both, as published
        computed: list[list[Any]] = [["Subsample", width, size // width, 4, 2, 2] for size in self.hidden_sizes[:2]]
        if self.down_ops != [*computed, [""]]:  # which files say
            self.down_ops = computed


TASKS = {
    "base": "LevitModel",
    "image-classification": "LevitForImageClassification",
    "image-classification-with-teacher": "LevitForImageClassificationWithTeacher",
}

PREPROCESSORS = {"image_processor": "LevitImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["LevitPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "LevitImageProcessor",
            "LevitImageProcessorFast",
            "LevitImageProcessorPil",
            "LevitFeatureExtractor",
        ],
    },
)
