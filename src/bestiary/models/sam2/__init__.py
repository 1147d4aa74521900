"""SAM 2 (Ravi et al. 2024, "SAM 2: segment anything in images and videos") on single images.

As SAM, with a Hiera (Ryali et al. 2023) whose stages pool the map, a feature pyramid whose finer maps help to draw masks, and a
token that says whether the object is there at all. Films are the family sam2_video's.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.object_decoder_config import ObjectDecoderConfig, ScaledPromptConfig
from ...modeling.patch_config import Pair
from ...modeling.promptable_config import PromptableConfig


class Sam2HieraDetConfig(PreTrainedConfig):
    """Hyperparameters of the backbone; the defaults are Hiera-T's.

    An image becomes patches of `patch_kernel_size`, `patch_stride` apart. Each stage has its `blocks_per_stage`,
    `embed_dim_per_stage`, `num_attention_heads_per_stage` and `window_size_per_stage` (0: no windows);
    `global_attention_blocks` are the numbers of the blocks without windows. In the first block of each of the
    `num_query_pool_stages` stages behind the first, the map becomes `query_stride` times smaller. Positions of one window are
    added to coarse ones of `window_positional_embedding_background_size`. `mlp_ratio` is the width within MLPs.
    """

    model_type: ClassVar[str] = "sam2_hiera_det_model"

    hidden_size: Size = 96
    num_attention_heads: Size = 1
    num_channels: Size = 3
    image_size: Pair | None = None
    patch_kernel_size: Pair | None = None
    patch_stride: Pair | None = None
    patch_padding: Sequence[Count] | None = None
    query_stride: Pair | None = None
    window_positional_embedding_background_size: Pair | None = None
    num_query_pool_stages: Count = 3
    blocks_per_stage: Sequence[Size] | None = None
    embed_dim_per_stage: Sequence[Size] | None = None
    num_attention_heads_per_stage: Sequence[Size] | None = None
    window_size_per_stage: Sequence[Count] | None = None
    global_attention_blocks: Sequence[Count] | None = None
    mlp_ratio: Positive = 4.0
    hidden_act: str = "gelu"
    layer_norm_eps: Rate = 1e-6
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        usual = {
            "image_size": [1024, 1024],
            "patch_kernel_size": [7, 7],
            "patch_stride": [4, 4],
            "patch_padding": [3, 3],
            "query_stride": [2, 2],
            "window_positional_embedding_background_size": [7, 7],
            "blocks_per_stage": [1, 2, 7, 2],
            "embed_dim_per_stage": [96, 192, 384, 768],
            "num_attention_heads_per_stage": [1, 2, 4, 8],
            "window_size_per_stage": [8, 4, 14, 7],
            "global_attention_blocks": [5, 7, 9],
        }
        for name, value in usual.items():
            if self.get(name) is None:
                setattr(self, name, value)
        super().validate()
        names = ("blocks_per_stage", "embed_dim_per_stage", "num_attention_heads_per_stage", "window_size_per_stage")
        counts = {name: len(self.get(name)) for name in names}
        if len(set(counts.values())) > 1:
            raise ConfigError(f"{type(self).__name__}: each stage needs a value of each; found {counts}")
        for width, heads in zip(self.get(names[1]), self.get(names[2]), strict=True):
            if width % heads:
                raise ConfigError(f"{type(self).__name__}: a stage {width} wide is not divided by its {heads} heads")
        stride: Any = self.query_stride
        stride = (stride, stride) if isinstance(stride, int) else stride
        for window in self.get(names[3])[: min(self.num_query_pool_stages, len(self.get(names[3])) - 1)]:
            if any(window % step for step in stride):
                raise ConfigError(
                    f"{type(self).__name__}: windows of {window} a side are pooled by a query_stride of {list(stride)}, which"
                    " does not divide them"
                )


class Sam2VisionConfig(PreTrainedConfig):
    """Hyperparameters of the image encoder: the backbone, and a feature pyramid over its stages.

    `backbone_channel_list` are the widths of the stages, the coarsest first, `backbone_feature_sizes` height and width of
    the maps, the finest first. The maps of the pyramid are `fpn_hidden_size` wide; convolutions of `fpn_kernel_size`,
    `fpn_stride` and `fpn_padding` bring stages to that, and to the `fpn_top_down_levels` the coarser map is added.
    `num_feature_levels` maps, the finest ones, are used.
    """

    model_type: ClassVar[str] = "sam2_vision_model"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {"backbone_config": Sam2HieraDetConfig}

    backbone_config: Any = None
    backbone_channel_list: Sequence[Size] | None = None
    backbone_feature_sizes: Sequence[Sequence[Size]] | None = None
    fpn_hidden_size: Size = 256
    fpn_kernel_size: Size = 1
    fpn_stride: Size = 1
    fpn_padding: Count = 0
    fpn_top_down_levels: Sequence[Count] | None = None
    num_feature_levels: Size = 3
    hidden_act: str = "gelu"
    layer_norm_eps: Rate = 1e-6
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        if self.backbone_channel_list is None:
            self.backbone_channel_list = [768, 384, 192, 96]
        if self.backbone_feature_sizes is None:
            self.backbone_feature_sizes = [[256, 256], [128, 128], [64, 64]]
        if self.fpn_top_down_levels is None:
            self.fpn_top_down_levels = [2, 3]
        super().validate()
        if self.fpn_hidden_size % 4:
            raise ConfigError(f"{type(self).__name__}: fpn_hidden_size is {self.fpn_hidden_size}; expected a multiple of 4")
        if self.num_feature_levels > len(self.backbone_channel_list):
            raise ConfigError(
                f"{type(self).__name__}: num_feature_levels is {self.num_feature_levels}, and there are"
                f" {len(self.backbone_channel_list)} stages in backbone_channel_list"
            )


class Sam2PromptEncoderConfig(ScaledPromptConfig):
    """Hyperparameters of what makes tokens of prompts: see `ScaledPromptConfig`."""

    model_type: ClassVar[str] = "sam2_prompt_encoder"


class Sam2MaskDecoderConfig(ObjectDecoderConfig):
    """Hyperparameters of what draws masks: see `ObjectDecoderConfig`."""

    model_type: ClassVar[str] = "sam2_mask_decoder"


class Sam2Config(PromptableConfig):
    """The three parts."""

    model_type: ClassVar[str] = "sam2"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "vision_config": Sam2VisionConfig,
        "prompt_encoder_config": Sam2PromptEncoderConfig,
        "mask_decoder_config": Sam2MaskDecoderConfig,
    }


TASKS = {"base": "Sam2Model", "mask-generation": "Sam2Model"}

PARTS = {"sam2_vision_model": {"base": "Sam2VisionModel"}, "sam2_hiera_det_model": {"base": "Sam2HieraDetModel"}}

PREPROCESSORS = {"image_processor": "Sam2ImageProcessor", "processor": "Sam2Processor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "hiera": ["Sam2PreTrainedModel", "Sam2HieraDetModel"],
        "model": ["Sam2Model", "Sam2VisionModel"],
        "image_processor": ["Sam2ImageProcessor", "Sam2ImageProcessorFast"],
        "processor": ["Sam2Processor"],
    },
)
