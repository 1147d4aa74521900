"""The hyperparameters of transformers over windows, Swin's relatives. Needs no torch."""

from collections.abc import Sequence
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Depth, Positive, Rate, Size, check
from .config import PreTrainedConfig
from .patch_config import Pair


class WindowConfig(PreTrainedConfig):
    """Base of the configs of Swin and its relatives; the defaults are Swin-T's on images of 224.

    `depths` are the blocks of each stage, `num_heads` their heads; `embed_dim` is the width of the first stage, twice as much
    that of each next one. `window_size` is the side of a window, in patches. `num_layers` and `hidden_size`, the width of the
    last stage, follow from these.

    Class attribute `joins_patches`: whether four patches become one, twice as wide, between stages.
    """

    joins_patches: ClassVar[bool] = True
    attribute_map: ClassVar[dict[str, str]] = {"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"}

    image_size: Pair = 224
    patch_size: Pair = 4
    num_channels: Size = 3
    embed_dim: Size = 96
    depths: Sequence[Depth] = (2, 2, 6, 2)
    num_heads: Sequence[Size] = (3, 6, 12, 24)
    window_size: Size = 7
    mlp_ratio: Positive = 4.0
    qkv_bias: bool = True
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    drop_path_rate: Rate = 0.1
    hidden_act: str = "gelu"
    use_absolute_embeddings: bool = False
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-5
    num_layers: Size | None = None
    hidden_size: Size | None = None

    def validate(self) -> None:
        name = type(self).__name__
        check(name, "depths", self.depths, Sequence[Depth])  # before they are counted
        self.num_layers = len(self.depths)
        self.hidden_size = self.stage_width(max(len(self.depths) - 1, 0))
        super().validate()
        self.depths, self.num_heads = list(self.depths), list(self.num_heads)
        if not self.depths or 0 in self.depths or len(self.num_heads) < len(self.depths):
            raise ConfigError(
                f"{name}: depths {self.depths} need a block or more in each stage, and one of num_heads {self.num_heads} for"
                " each"
            )
        for stage, heads in zip(range(len(self.depths)), self.num_heads, strict=False):
            if self.stage_width(stage) % heads:
                growth = ", twice as much in each next one" if self.joins_patches else ""
                raise ConfigError(
                    f"{name}: stage {stage} is {self.stage_width(stage)} wide (embed_dim {self.embed_dim}{growth}), which"
                    f" {heads} heads (num_heads) do not divide"
                )

    def stage_width(self, stage: int) -> int:
        """The channels of a stage."""
        return int(self.embed_dim * (2**stage if self.joins_patches else 1))

    def stage_height(self, stage: int) -> int:
        """How many patches high the map of a stage is, of an image of `image_size`."""
        height, patch = (size if isinstance(size, int) else size[0] for size in (self.image_size, self.patch_size))
        return int(height // patch // (2**stage if self.joins_patches else 1))
