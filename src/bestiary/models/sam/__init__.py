"""SAM (Kirillov et al. 2023, "Segment anything"): masks of what points, boxes or earlier masks ask for.

A ViT makes a map of an image once; prompts become tokens, and a small transformer in which tokens and map look at each other
draws masks for them and says how good each is.

Paper: https://arxiv.org/abs/2304.02643
"""

from typing import ClassVar

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.promptable_config import GlobalWindowConfig, MaskDecoderConfig, PromptableConfig, PromptEncoderConfig


class SamVisionConfig(GlobalWindowConfig):
    """Hyperparameters of the image encoder: see `GlobalWindowConfig`; the defaults are ViT-B's."""

    model_type: ClassVar[str] = "sam_vision_model"


class SamPromptEncoderConfig(PromptEncoderConfig):
    """Hyperparameters of what makes tokens of prompts: see `PromptEncoderConfig`."""

    model_type: ClassVar[str] = "sam_prompt_encoder"

    image_embedding_size: Size | None = None

    def validate(self) -> None:
        super().validate()
        self.image_embedding_size = self.image_size // self.patch_size


class SamMaskDecoderConfig(MaskDecoderConfig):
    """Hyperparameters of what draws masks: see `MaskDecoderConfig`."""

    model_type: ClassVar[str] = "sam_mask_decoder"

    layer_norm_eps: Rate = 1e-6


class SamConfig(PromptableConfig):
    """The three parts."""

    model_type: ClassVar[str] = "sam"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "vision_config": SamVisionConfig,
        "prompt_encoder_config": SamPromptEncoderConfig,
        "mask_decoder_config": SamMaskDecoderConfig,
    }

    tie_word_embeddings: bool = True


TASKS = {"base": "SamModel", "mask-generation": "SamModel"}

PARTS = {"sam_vision_model": {"base": "SamVisionModel"}}

PREPROCESSORS = {"image_processor": "SamImageProcessor", "processor": "SamProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["SamPreTrainedModel", "SamModel", "SamVisionModel"],
        "image_processor": ["SamImageProcessor", "SamImageProcessorFast", "SamImageProcessorPil"],
        "processor": ["SamProcessor"],
    },
)
