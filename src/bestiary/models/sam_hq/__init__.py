"""SAM-HQ (Ke et al. 2023, "Segment anything in high quality"): SAM whose masks have finer edges.

One more token draws a mask on features that join what the image encoder saw early, what it saw last, and SAM's own; it is
added to SAM's mask.

Paper: https://arxiv.org/abs/2306.01567
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ..sam import SamConfig, SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig


class SamHQVisionConfig(SamVisionConfig):
    """Hyperparameters of the image encoder: see `GlobalWindowConfig`; the defaults are ViT-B's."""

    model_type: ClassVar[str] = "sam_hq_vision_model"


class SamHQPromptEncoderConfig(SamPromptEncoderConfig):
    """Hyperparameters of what makes tokens of prompts: see `PromptEncoderConfig`."""

    model_type: ClassVar[str] = "sam_hq_prompt_encoder"


class SamHQMaskDecoderConfig(SamMaskDecoderConfig):
    """Hyperparameters of what draws masks: see `MaskDecoderConfig`. `vit_dim` is the width of the image encoder's states."""

    model_type: ClassVar[str] = "sam_hq_mask_decoder"

    vit_dim: Size = 768


class SamHQConfig(SamConfig):
    """The three parts."""

    model_type: ClassVar[str] = "sam_hq"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "vision_config": SamHQVisionConfig,
        "prompt_encoder_config": SamHQPromptEncoderConfig,
        "mask_decoder_config": SamHQMaskDecoderConfig,
    }


TASKS = {"base": "SamHQModel", "mask-generation": "SamHQModel"}

PARTS = {"sam_hq_vision_model": {"base": "SamHQVisionModel"}}

PREPROCESSORS = {"image_processor": "SamImageProcessor", "processor": "SamHQProcessor"}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["SamHQPreTrainedModel", "SamHQModel", "SamHQVisionModel"], "processor": ["SamHQProcessor"]}
)
