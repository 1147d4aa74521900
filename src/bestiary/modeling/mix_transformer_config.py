"""The hyperparameters of transformers whose stages make a grid coarser, such as Mix Transformers (Xie et al. 2021, SegFormer).

Needs no torch.
"""

from collections.abc import Sequence
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Depth, Rate, Size, check
from .config import PreTrainedConfig


class GridStagesConfig(PreTrainedConfig):
    """Base of the configs of transformers in stages; the defaults are those of the smallest PVT.

    Of each of `num_encoder_blocks` stages: `depths`, its blocks; `hidden_sizes`, its width; `patch_sizes` and `strides` of the
    convolution it begins with; `num_attention_heads`; `mlp_ratios`, the width of its MLPs over its own. `drop_path_rate` is
    that of the last block's stochastic depth.

    Class attribute `per_stage`: the fields with a number for each stage.
    """

    per_stage: ClassVar[tuple[str, ...]] = (
        "depths",
        "hidden_sizes",
        "patch_sizes",
        "strides",
        "num_attention_heads",
        "mlp_ratios",
    )

    num_channels: Size = 3
    num_encoder_blocks: Size = 4
    depths: Sequence[Depth] = (2, 2, 2, 2)
    hidden_sizes: Sequence[Size] = (64, 128, 320, 512)
    patch_sizes: Sequence[Size] = (4, 2, 2, 2)
    strides: Sequence[Size] = (4, 2, 2, 2)
    num_attention_heads: Sequence[Size] = (1, 2, 5, 8)
    mlp_ratios: Sequence[Size] = (8, 8, 4, 4)
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    initializer_range: Amount = 0.02
    drop_path_rate: Rate = 0.0
    layer_norm_eps: Rate = 1e-6

    def validate(self) -> None:
        super().validate()
        name = type(self).__name__
        for field in self.per_stage:
            check(name, field, self.get(field), Sequence[Depth] if field == "depths" else Sequence[Size])
            setattr(self, field, list(self.get(field)))
            if len(self.get(field)) < self.num_encoder_blocks:
                raise ConfigError(
                    f"{name}: {field} {self.get(field)} must have a number for each of {self.num_encoder_blocks} stages"
                    " (num_encoder_blocks)"
                )
        for width, heads in zip(self.hidden_sizes, self.num_attention_heads, strict=False):
            if width % heads:
                raise ConfigError(f"{name}: hidden_sizes has {width}, no multiple of its num_attention_heads, {heads}")


class MixTransformerConfig(GridStagesConfig):
    """Base of the configs of models with a Mix Transformer encoder; the defaults are those of its smallest, MiT-B0.

    Besides the fields of `GridStagesConfig`, `sr_ratios` says by how much keys and values are made fewer, a side.
    `layer_norm_eps` has no effect, as published: norms have torch's 1e-5.
    """

    per_stage: ClassVar[tuple[str, ...]] = (*GridStagesConfig.per_stage, "sr_ratios")

    sr_ratios: Sequence[Size] = (8, 4, 2, 1)
    hidden_sizes: Sequence[Size] = (32, 64, 160, 256)
    patch_sizes: Sequence[Size] = (7, 3, 3, 3)
    mlp_ratios: Sequence[Size] = (4, 4, 4, 4)
    drop_path_rate: Rate = 0.1
