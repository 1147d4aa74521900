"""The hyperparameters of models that segment what points, boxes and masks ask for, SAM's relatives. Needs no torch."""

from collections.abc import Sequence
from typing import Any, ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Depth, Positive, Rate, Size
from .config import PreTrainedConfig
from .patch_config import Pair


class GlobalWindowConfig(PreTrainedConfig):
    """Base of the configs of image encoders whose blocks look at windows, but for some that look at everything; SAM's ViT-B.

    `window_size` is the side of a window in patches, `global_attn_indexes` the numbers of the blocks that have none.
    `output_channels` is the width of the maps. `num_pos_feats` frequencies place points. `mlp_dim` (None: `mlp_ratio` times
    `hidden_size`) is the width within an MLP. `use_abs_pos` adds learned positions to the patches, `use_rel_pos` trained
    distances to the scores. `scale`, half of `hidden_size`, is the spread that fresh frequencies have.
    """

    divided_at_once: ClassVar[tuple[str, ...]] = ("num_attention_heads",)

    hidden_size: Size = 768
    output_channels: Size = 256
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    num_channels: Size = 3
    image_size: Pair = 1024
    patch_size: Pair = 16
    hidden_act: str = "gelu"
    layer_norm_eps: Rate = 1e-6
    attention_dropout: Rate = 0.0
    initializer_range: Amount = 1e-10
    qkv_bias: bool = True
    mlp_ratio: Positive = 4.0
    use_abs_pos: bool = True
    use_rel_pos: bool = True
    window_size: Size = 14
    global_attn_indexes: Sequence[int] = (2, 5, 8, 11)
    num_pos_feats: Size = 128
    mlp_dim: Size | None = None
    scale: Count | None = None

    def validate(self) -> None:
        super().validate()
        self.mlp_dim = int(self.hidden_size * self.mlp_ratio) if self.mlp_dim is None else self.mlp_dim
        self.scale = self.hidden_size // 2
        self.divides("hidden_size", "num_attention_heads")


class PromptEncoderConfig(PreTrainedConfig):
    """Base of the configs of what makes tokens of points and boxes, and a map of a mask.

    `image_size` is the side of the images, in whose pixels points and boxes are; `image_embedding_size`, the side of a map
    of an image, is how many times `patch_size` goes into it. `mask_input_channels` is the width within the layers that see a
    mask. `num_point_embeddings` kinds of points are told apart: outside, inside, and the two corners of a box.
    """

    hidden_size: Size = 256
    image_size: Size = 1024
    patch_size: Size = 16
    mask_input_channels: Size = 16
    num_point_embeddings: Size = 4
    hidden_act: str = "gelu"
    layer_norm_eps: Rate = 1e-6

    def validate(self) -> None:
        super().validate()
        if self.mask_input_channels % 4:
            raise ConfigError(
                f"{type(self).__name__}: mask_input_channels is {self.mask_input_channels}; expected a multiple of 4"
            )
        if self.num_point_embeddings < 4:
            raise ConfigError(
                f"{type(self).__name__}: num_point_embeddings is {self.num_point_embeddings}; expected 4, for points outside"
                " and inside of an object and the two corners of a box"
            )
        if self.patch_size > self.image_size:
            raise ConfigError(f"{type(self).__name__}: image_size {self.image_size} holds no patch of {self.patch_size}")


class MaskDecoderConfig(PreTrainedConfig):
    """Base of the configs of what draws masks.

    `num_multimask_outputs` masks are drawn where a prompt means several things, besides the one for a clear prompt.
    `attention_downsample_rate` is how many times narrower than the states cross-attention is. `iou_head_depth` and
    `iou_head_hidden_dim` are layers and width of the head that says how good a mask is.
    """

    hidden_size: Size = 256
    hidden_act: str = "relu"
    mlp_dim: Size = 2048
    num_hidden_layers: Depth = 2
    num_attention_heads: Size = 8
    attention_downsample_rate: Size = 2
    num_multimask_outputs: Size = 3
    iou_head_depth: Size = 3
    iou_head_hidden_dim: Size = 256

    def validate(self) -> None:
        super().validate()
        narrow = self.hidden_size // self.attention_downsample_rate
        if self.hidden_size % 8:
            raise ConfigError(f"{type(self).__name__}: hidden_size is {self.hidden_size}; expected a multiple of 8")
        if narrow == 0 or narrow % self.num_attention_heads:
            raise ConfigError(
                f"{type(self).__name__}: cross-attention is {narrow} wide (hidden_size {self.hidden_size} over"
                f" attention_downsample_rate {self.attention_downsample_rate}), which {self.num_attention_heads} heads do not"
                " divide"
            )


class PromptableConfig(PreTrainedConfig):
    """Base of the configs of whole models: an image encoder, a prompt encoder and a mask decoder."""

    vision_config: Any = None
    prompt_encoder_config: Any = None
    mask_decoder_config: Any = None
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        super().validate()
        prompt, decoder = self.prompt_encoder_config.hidden_size, self.mask_decoder_config.hidden_size
        if prompt != decoder:
            raise ConfigError(
                f"{type(self).__name__}: hidden_size of prompt_encoder_config is {prompt}, of mask_decoder_config {decoder};"
                " expected the same"
            )
