"""SAM 2 on films (Ravi et al. 2024, "SAM 2: segment anything in images and videos").

What is found in a frame is remembered, and the map of each next frame looks at it: an object that somebody points at once is
followed through the film. The parts that look at one image are those of the family sam2.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.object_decoder_config import ObjectDecoderConfig, ScaledPromptConfig
from ...modeling.promptable_config import PromptableConfig
from .. import sam2
from ..sam2 import Sam2VisionConfig


class Sam2VideoPromptEncoderConfig(ScaledPromptConfig):
    """Hyperparameters of what makes tokens of prompts: see `ScaledPromptConfig`."""

    model_type: ClassVar[str] = "sam2_video_prompt_encoder"


class Sam2VideoMaskDecoderConfig(ObjectDecoderConfig):
    """Hyperparameters of what draws masks: see `ObjectDecoderConfig`."""

    model_type: ClassVar[str] = "sam2_video_mask_decoder"


class Sam2VideoConfig(PromptableConfig):
    """The three parts, and what is remembered.

    A frame looks at the memories of the `max_cond_frame_num` (-1: all) nearest frames in which a user says what an object is,
    and of `num_maskmem` - 1 frames before it, and at vectors of the object in `max_object_pointers_in_encoder` frames, which
    say how long ago with `enable_temporal_pos_encoding_for_object_pointers`. `memory_attention_*` are sizes of the attention
    that does it, `memory_attention_rope_feat_sizes` columns and rows of a map, `rope_parameters` holds `rope_theta`, by which
    queries and keys turn. `memory_encoder_*`, `mask_downsampler_*` and `memory_fuser_*` are sizes of what makes memories of
    maps and masks; masks go in times `sigmoid_scale_for_mem_enc` plus `sigmoid_bias_for_mem_enc`, and with
    `enable_occlusion_spatial_embedding` memories tell where the object is hidden.

    The best of several masks is taken with `multimask_output_in_sam` for `multimask_min_pt_num` to `multimask_max_pt_num`
    points, in frames without a prompt with `multimask_output_for_tracking`.
    """

    model_type: ClassVar[str] = "sam2_video"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "vision_config": Sam2VisionConfig,
        "prompt_encoder_config": Sam2VideoPromptEncoderConfig,
        "mask_decoder_config": Sam2VideoMaskDecoderConfig,
    }

    num_maskmem: Count = 7
    image_size: Size = 1024
    sigmoid_scale_for_mem_enc: float = 20.0
    sigmoid_bias_for_mem_enc: float = -10.0
    enable_occlusion_spatial_embedding: bool = True
    multimask_output_in_sam: bool = True
    multimask_min_pt_num: Count = 0
    multimask_max_pt_num: Count = 1
    multimask_output_for_tracking: bool = True
    max_object_pointers_in_encoder: Size = 16
    max_cond_frame_num: int = -1
    enable_temporal_pos_encoding_for_object_pointers: bool = True
    memory_attention_hidden_size: Size = 256
    memory_attention_num_layers: Depth = 4
    memory_attention_num_attention_heads: Size = 1
    memory_attention_downsample_rate: Size = 1
    memory_attention_feed_forward_hidden_size: Size = 2048
    memory_attention_feed_forward_hidden_act: str = "relu"
    memory_attention_dropout: Rate = 0.1
    memory_attention_rope_feat_sizes: Sequence[Size] | None = None
    memory_attention_rope_dropout: Rate = 0.1
    memory_encoder_hidden_size: Size = 256
    memory_encoder_output_channels: Size = 64
    rope_parameters: dict[str, Any] | None = None
    mask_downsampler_embed_dim: Size = 256
    mask_downsampler_kernel_size: Size = 3
    mask_downsampler_stride: Size = 2
    mask_downsampler_padding: Count = 1
    mask_downsampler_total_stride: Size = 16
    mask_downsampler_hidden_act: str = "gelu"
    memory_fuser_num_layers: Depth = 2
    memory_fuser_embed_dim: Size = 256
    memory_fuser_intermediate_dim: Size = 1024
    memory_fuser_kernel_size: Size = 7
    memory_fuser_padding: Count = 3
    memory_fuser_layer_scale_init_value: Amount = 1e-6
    memory_fuser_hidden_act: str = "gelu"

    def validate(self) -> None:
        if self.memory_attention_rope_feat_sizes is None:
            self.memory_attention_rope_feat_sizes = [64, 64]
        theta = self.__dict__.pop("memory_attention_rope_theta", 10000.0)  # as files of releases before 5 say it
        if self.rope_parameters is None:
            self.rope_parameters = {"rope_theta": theta, "rope_type": "axial"}
        super().validate()
        width = self.memory_attention_hidden_size // self.memory_attention_downsample_rate
        if width == 0 or width % (4 * self.memory_attention_num_attention_heads):
            raise ConfigError(
                f"{type(self).__name__}: memory attention is {width} wide; expected a multiple of 4 times its"
                f" {self.memory_attention_num_attention_heads} heads"
            )
        if self.mask_downsampler_stride < 2:
            raise ConfigError(
                f"{type(self).__name__}: mask_downsampler_stride is {self.mask_downsampler_stride}; expected 2 or more"
            )


# Masks of a single image are drawn by the parts that sam2 has.
TASKS = {"base": "Sam2VideoModel", "mask-generation": "Sam2Model"}

PREPROCESSORS = {
    "image_processor": "Sam2ImageProcessor",
    "video_processor": "Sam2VideoVideoProcessor",
    "processor": "Sam2VideoProcessor",
}

_own, __dir__ = lazy(
    __name__,
    {
        "model": ["Sam2VideoPreTrainedModel", "Sam2VideoModel"],
        "session": ["Sam2VideoInferenceSession"],
        "video_processor": ["Sam2VideoVideoProcessor"],
        "processor": ["Sam2VideoProcessor"],
    },
)


def __getattr__(name: str) -> Any:
    return getattr(sam2, name) if name == "Sam2Model" else _own(name)
